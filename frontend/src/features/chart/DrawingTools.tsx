import { AlignJustify, type LucideIcon, Minus, MoveUpRight, Ruler, Square, TrendingUp, Type } from "lucide-react";

import { DrawingList } from "./DrawingList";
import { NAMES, type Tool } from "./drawings";
import type { useDrawings } from "./useDrawings";

interface Props {
  drawings: ReturnType<typeof useDrawings>;
  decimals: number;
  lastPrice: () => number | undefined;
}

const TOOLS: readonly { tool: Tool; Icon: LucideIcon; does: string }[] = [
  { tool: "trend", Icon: TrendingUp, does: "Draw a trend line" },
  { tool: "ray", Icon: MoveUpRight, does: "Draw a ray" },
  { tool: "level", Icon: Minus, does: "Draw a level" },
  { tool: "rectangle", Icon: Square, does: "Draw a rectangle" },
  { tool: "fib", Icon: AlignJustify, does: "Draw a Fibonacci retracement" },
  { tool: "text", Icon: Type, does: "Write a note" },
  { tool: "measure", Icon: Ruler, does: "Measure a distance" },
];

/** The tools for drawing, beside the candles; above them on a phone. */
export function DrawingTools({ drawings, decimals, lastPrice }: Props) {
  return (
    <div className="tools drawingtools" role="group" aria-label="Drawing">
      {TOOLS.map(({ tool, Icon, does }) => (
        <button key={tool} type="button" className="button quiet icon" aria-pressed={tool === drawings.tool} title={NAMES[tool]} aria-label={does} onClick={() => drawings.choose(tool)}><Icon size={15} aria-hidden /></button>
      ))}
      <DrawingList drawings={drawings} decimals={decimals} lastPrice={lastPrice} />
    </div>
  );
}
