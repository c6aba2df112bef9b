import { Bell } from "lucide-react";
import type { DragEvent, KeyboardEvent } from "react";

import { LiveCell } from "@/realtime/cells";
import { percent, price } from "@/shared/format/numbers";

import { Spark } from "./Spark";

interface Props {
  symbol: string;
  selected: boolean;
  /** Where a dragged row would be put down. */
  target: boolean;
  select: () => void;
  remove: () => void;
  alert: () => void;
  onKey: (event: KeyboardEvent<HTMLElement>) => void;
  drag: { start: () => void; over: () => void; drop: () => void; end: () => void };
}

export function WatchRow({ symbol, selected, target, select, remove, alert, onKey, drag }: Props) {
  const [exchange = "", code = symbol] = symbol.split(/:(.*)/);
  function over(event: DragEvent): void {
    event.preventDefault();
    drag.over();
  }
  return (
    <li draggable data-target={target || undefined} onDragStart={drag.start} onDragOver={over} onDragEnd={drag.end} onDrop={(event) => (event.preventDefault(), drag.drop())}>
      <button type="button" className="watchrow" aria-current={selected} onClick={select} onKeyDown={onKey}>
        <span className="grow"><b>{code}</b> <small className="muted">{exchange.replace("_", " ")}</small></span>
        <Spark symbol={symbol} />
        <span className="figures">
          <LiveCell symbol={symbol} field="ltp" format={price} flash />
          <LiveCell symbol={symbol} field="change_pct" format={percent} bySign className="change" />
        </span>
      </button>
      <button type="button" className="remove ring" aria-label={`Alert on ${symbol}`} title="Alerts" onClick={alert}><Bell size={13} aria-hidden /></button>
      <button type="button" className="remove" aria-label={`Remove ${symbol}`} onClick={remove}>×</button>
    </li>
  );
}
