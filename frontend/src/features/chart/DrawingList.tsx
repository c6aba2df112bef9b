import { Popover } from "@base-ui/react/popover";
import { PencilLine } from "lucide-react";

import { price } from "@/shared/format/numbers";
import { moment } from "@/shared/format/time";

import { type Drawing, NAMES } from "./drawings";
import { PriceField } from "./PriceField";
import type { useDrawings } from "./useDrawings";

interface Props {
  drawings: ReturnType<typeof useDrawings>;
  decimals: number;
  lastPrice: () => number | undefined;
}

/** What is drawn on this instrument: what a pointer does with it on the chart, without one. */
export function DrawingList({ drawings, decimals, lastPrice }: Props) {
  return (
    <Popover.Root>
      <Popover.Trigger className="button quiet icon" aria-label={`Drawings: ${drawings.drawings.length}`} title="What is drawn"><PencilLine size={15} aria-hidden /> {drawings.drawings.length}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner side="right" align="end" sideOffset={4} style={{ zIndex: 12 }}>
          <Popover.Popup className="menu drawings">
            <Popover.Title render={<h2 />}>Drawings</Popover.Title>
            {drawings.drawings.length === 0 && <p className="muted">Nothing is drawn on this instrument.</p>}
            {drawings.failed && <p className="warn">The server has not stored the last change.</p>}
            <ul>
              {drawings.drawings.map((drawing, i) => (
                <li key={drawing.id} aria-current={drawing.id === drawings.selected || undefined}>
                  <Described drawing={drawing} decimals={decimals} number={i + 1} change={drawings.replace} write={drawings.changeNote} />
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
  );
}

interface DescribedProps {
  drawing: Drawing;
  decimals: number;
  number: number;
  change: (drawing: Drawing) => void;
  write: (note: { id: string; text: string }) => void;
}

function Described({ drawing, decimals, number, change, write }: DescribedProps) {
  if (drawing.kind === "level") {
    return <><span className="grow">{NAMES.level}</span><PriceField key={drawing.price} label={`Price of level ${number}`} value={drawing.price} commit={(value) => change({ ...drawing, price: value })} /></>;
  }
  if (drawing.kind === "text") {
    return <><span className="grow">{drawing.text}<small className="muted">{NAMES.text} at {price(drawing.at.price, decimals)}</small></span><button type="button" className="button" aria-label={`Change note ${number}`} onClick={() => write(drawing)}>Change</button></>;
  }
  return (
    <span className="grow">
      {NAMES[drawing.kind]} {price(drawing.from.price, decimals)} to {price(drawing.to.price, decimals)}
      <small className="muted">{moment(drawing.from.t * 1000)} to {moment(drawing.to.t * 1000)}</small>
    </span>
  );
}
