import { Popover } from "@base-ui/react/popover";
import { Minus, PencilLine, TrendingUp } from "lucide-react";

import { price } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";

import type { Drawing } from "./drawings";
import { PriceField } from "./PriceField";
import type { useDrawings } from "./useDrawings";

interface Props {
  drawings: ReturnType<typeof useDrawings>;
  decimals: number;
  lastPrice: () => number | undefined;
}

/** Tools for lines on the chart, and the list of those that are there, which needs no pointer. */
export function DrawingTools({ drawings, decimals, lastPrice }: Props) {
  const { tool } = drawings;
  return (
    <>
      <button type="button" className="button quiet icon" aria-pressed={tool === "trend"} title="Trend line" aria-label="Draw a trend line" onClick={() => drawings.choose("trend")}><TrendingUp size={15} aria-hidden /></button>
      <button type="button" className="button quiet icon" aria-pressed={tool === "level"} title="Level" aria-label="Draw a level" onClick={() => drawings.choose("level")}><Minus size={15} aria-hidden /></button>
      <Popover.Root>
        <Popover.Trigger className="button quiet" aria-label={`Drawings: ${drawings.drawings.length}`}><PencilLine size={15} aria-hidden /> {drawings.drawings.length}</Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={4} style={{ zIndex: 12 }}>
            <Popover.Popup className="menu drawings">
              <Popover.Title render={<h2 />}>Drawings</Popover.Title>
              {drawings.drawings.length === 0 && <p className="muted">Nothing is drawn on this instrument.</p>}
              <ul>
                {drawings.drawings.map((drawing, i) => (
                  <li key={drawing.id} aria-current={drawing.id === drawings.selected || undefined}>
                    <Described drawing={drawing} decimals={decimals} number={i + 1} change={drawings.replace} />
                    <button type="button" className="button" aria-label={`Delete drawing ${i + 1}`} onClick={() => drawings.remove(drawing.id)}>Delete</button>
                  </li>
                ))}
              </ul>
              <footer className="row">
                <button type="button" className="button" onClick={() => drawings.addLevel(lastPrice() ?? 0)} disabled={lastPrice() === undefined}>Level at the last price</button>
                {drawings.drawings.length > 0 && <button type="button" className="button" onClick={drawings.clear}>Delete all</button>}
              </footer>
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
    </>
  );
}

interface DescribedProps {
  drawing: Drawing;
  decimals: number;
  number: number;
  change: (drawing: Drawing) => void;
}

function Described({ drawing, decimals, number, change }: DescribedProps) {
  if (drawing.kind === "level") {
    return <><span className="grow">Level</span><PriceField key={drawing.price} label={`Price of level ${number}`} value={drawing.price} commit={(value) => change({ ...drawing, price: value })} /></>;
  }
  return (
    <span className="grow">
      Trend {price(drawing.from.price, decimals)} to {price(drawing.to.price, decimals)}
      <small className="muted">{moment(drawing.from.t * 1000)} to {moment(drawing.to.t * 1000)}</small>
    </span>
  );
}
