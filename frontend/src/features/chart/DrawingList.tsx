import { Popover } from "@base-ui/react/popover";
import { Eye, EyeOff, PencilLine } from "lucide-react";
import { type MouseEvent, useRef } from "react";

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
export function DrawingList({ drawings: { drawings: all, ...drawings }, decimals, lastPrice }: Props) {
  const popup = useRef<HTMLDivElement>(null);

  function remove({ currentTarget }: MouseEvent, id: string): void {
    const row = currentTarget.closest("li");
    const beside = (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector<HTMLElement>("[data-delete]");
    // The button goes with its row; the keyboard stays in the list.
    (beside ?? popup.current)?.focus();
    drawings.remove(id);
  }

  function clear(): void {
    popup.current?.focus();
    drawings.clear();
  }

  return (
    <Popover.Root>
      <Popover.Trigger className="button quiet icon" aria-label={`Drawings: ${all.length}`} title="What is drawn"><PencilLine size={15} aria-hidden /> {all.length}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner side="right" align="end" sideOffset={4} style={{ zIndex: 9 }}>
          <Popover.Popup className="menu drawings" ref={popup} tabIndex={-1}>
            <Popover.Title render={<h2 />}>Drawings</Popover.Title>
            {all.length === 0 && <p className="muted">Nothing is drawn on this instrument.</p>}
            {drawings.locked && <p className="muted">All drawings are locked: none can be changed or deleted.</p>}
            {drawings.failed && <p className="warn">The server has not stored the last change.</p>}
            <ul>
              {all.map((drawing, i) => (
                <li key={drawing.id} aria-current={drawing.id === drawings.selected || undefined}>
                  <button type="button" className="name grow" aria-pressed={drawing.id === drawings.selected} disabled={drawings.locked || drawing.hidden === true} onClick={() => drawings.select(drawing.id)}>
                    <Described drawing={drawing} decimals={decimals} />
                  </button>
                  {drawing.kind === "level" && !drawings.locked && <PriceField key={drawing.price} label={`Price of level ${i + 1}`} value={drawing.price} commit={(value) => drawings.replace({ ...drawing, price: value })} />}
                  {drawing.kind === "text" && <Popover.Close className="button" aria-label={`Change note ${i + 1}`} disabled={drawings.locked} onClick={() => drawings.changeNote(drawing)}>Change</Popover.Close>}
                  <button type="button" className="button quiet icon" aria-label={`${drawing.hidden ? "Show" : "Hide"} drawing ${i + 1}`} title={drawing.hidden ? "Show" : "Hide"} onClick={() => drawings.toggleHidden(drawing)}>
                    {drawing.hidden ? <EyeOff size={15} aria-hidden /> : <Eye size={15} aria-hidden />}
                  </button>
                  <button type="button" className="button" data-delete aria-label={`Delete drawing ${i + 1}`} disabled={drawings.locked} onClick={(event) => remove(event, drawing.id)}>Delete</button>
                </li>
              ))}
            </ul>
            <footer className="row">
              <button type="button" className="button" onClick={() => drawings.addLevel(lastPrice() ?? 0)} disabled={!drawings.ready || lastPrice() === undefined}>Level at the last price</button>
              {all.length > 0 && <button type="button" className="button" disabled={drawings.locked} onClick={clear}>Delete all</button>}
            </footer>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

function Described({ drawing, decimals }: { drawing: Drawing; decimals: number }) {
  if (drawing.kind === "level") return <>{NAMES.level} <small className="muted">{price(drawing.price, decimals)}</small></>;
  if (drawing.kind === "text") return <>{drawing.text}<small className="muted">{NAMES.text} at {price(drawing.at.price, decimals)}, {moment(drawing.at.t * 1000)}</small></>;
  return (
    <>
      {NAMES[drawing.kind]} {price(drawing.from.price, decimals)} to {price(drawing.to.price, decimals)}
      <small className="muted">{moment(drawing.from.t * 1000)} to {moment(drawing.to.t * 1000)}</small>
    </>
  );
}
