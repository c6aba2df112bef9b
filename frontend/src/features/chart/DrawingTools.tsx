import { AlignJustify, Lock, LockOpen, type LucideIcon, Magnet, Minus, MoveUpRight, Redo2, Ruler, Square, Trash2, TrendingUp, Type, Undo2 } from "lucide-react";

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

/** The tools for drawing, beside the candles; above them on a phone. What has just done its last step keeps the focus: it is not `disabled`. */
export function DrawingTools({ drawings, decimals, lastPrice }: Props) {
  const { magnet, locked } = drawings;
  const Padlock = locked ? Lock : LockOpen;
  return (
    <div className="tools drawingtools" role="group" aria-label="Drawing">
      {TOOLS.map(({ tool, Icon, does }) => (
        <button key={tool} type="button" className="button quiet icon" aria-pressed={tool === drawings.tool} disabled={!drawings.ready} title={NAMES[tool]} aria-label={does} onClick={() => drawings.choose(tool)}><Icon size={15} aria-hidden /></button>
      ))}
      <hr />
      <button type="button" className="button quiet icon" aria-pressed={magnet} title="Magnet" aria-label="Snap to open, high, low and close" onClick={() => drawings.toggle("magnet")}><Magnet size={15} aria-hidden /></button>
      <button type="button" className="button quiet icon" aria-pressed={locked} title={locked ? "All drawings are locked" : "Lock all drawings"} aria-label="Lock all drawings" onClick={() => drawings.toggle("locked")}><Padlock size={15} aria-hidden /></button>
      <button type="button" className="button quiet icon" aria-disabled={drawings.selected === null} title="Delete" aria-label="Delete the selected drawing" onClick={drawings.removeSelected}><Trash2 size={15} aria-hidden /></button>
      <button type="button" className="button quiet icon" aria-disabled={!drawings.canUndo} title="Undo" aria-label="Undo the last change of the drawings" onClick={drawings.undo}><Undo2 size={15} aria-hidden /></button>
      <button type="button" className="button quiet icon" aria-disabled={!drawings.canRedo} title="Redo" aria-label="Redo it" onClick={drawings.redo}><Redo2 size={15} aria-hidden /></button>
      <DrawingList drawings={drawings} decimals={decimals} lastPrice={lastPrice} />
    </div>
  );
}
