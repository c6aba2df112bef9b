import { memo } from "react";

import { integer } from "@/shared/format/numbers";

import type { Side } from "./ladder";

interface Props {
  rung: number;
  price: string;
  bid: number | null;
  ask: number | null;
  /** The largest quantity on the screen, which has the longest bar. */
  most: number;
  /** What the user's own orders still want here; null without one. */
  buying: number | null;
  selling: number | null;
  last: boolean;
  reachable: boolean;
}

/** One price. What a click on a part of it asks for stands in `data-act`, and is done by the ladder. */
export const LadderRow = memo(function LadderRow({ rung, price, bid, ask, most, buying, selling, last, reachable }: Props) {
  return (
    <div role="row" className="rung" tabIndex={reachable ? 0 : -1} data-rung={rung} data-last={last || undefined}>
      <Cell side="buy" quantity={bid} own={buying} most={most} price={price} />
      <span role="rowheader" className="at">{price}{last && <span className="sr"> last price</span>}</span>
      <Cell side="sell" quantity={ask} own={selling} most={most} price={price} />
    </div>
  );
});

function Cell({ side, quantity, own, most, price }: { side: Side; quantity: number | null; own: number | null; most: number; price: string }) {
  return (
    <span role="gridcell" className={`cell ${side}`} data-act={side}>
      {own !== null && <span className="mine" data-act={`cancel-${side}`} title={`Your order to ${side} ${integer(own)} at ${price}`}><span className="sr">yours: </span>{integer(own)}</span>}
      {quantity !== null && (
        <>
          <span className="bar" style={{ transform: `scaleX(${Math.min(1, quantity / most)})` }} aria-hidden />
          <span className="waits">{integer(quantity)}</span>
        </>
      )}
    </span>
  );
}
