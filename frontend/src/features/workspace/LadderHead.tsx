import { useEffect, useState } from "react";

import type { NewOrder } from "@/api/generated";
import { Field } from "@/shared/ui/Field";

import { leftOf } from "./arming";

export interface Terms {
  quantity: string;
  product: NewOrder["product"];
}

interface Props {
  terms: Terms;
  change: (terms: Terms) => void;
  lot: number;
  derivative: boolean;
  /** Until when clicks place orders; null while they do not. */
  until: number | null;
  /** Why it cannot be switched on, or why it was switched off; null when there is nothing to say. */
  why: string | null;
  possible: boolean;
  account: string;
  toggle: () => void;
}

/** What a click on the ladder places, and whether it does. */
export function LadderHead({ terms, change, lot, derivative, until, why, possible, account, toggle }: Props) {
  const products = [derivative ? (["nrml", "Carry"] as const) : (["cnc", "Delivery"] as const), ["mis", "Intraday"] as const];
  return (
    <div className="ladderhead">
      <div className="pair">
        <Field label={lot > 1 ? `Each click, in lots of ${lot}` : "Each click"} type="number" min={lot} step={lot} value={terms.quantity} onChange={(event) => change({ ...terms, quantity: event.target.value })} />
        <label className="field">Product<select value={terms.product} onChange={(event) => change({ ...terms, product: event.target.value as Terms["product"] })}>
          {products.map(([id, name]) => <option key={id} value={id}>{name}</option>)}
        </select></label>
      </div>
      <button type="button" role="switch" aria-checked={until !== null} className="button arm" disabled={!possible} onClick={toggle}>
        <span className="knob" aria-hidden /> Click trading <span className="grow" />{until === null ? <span className="muted">off</span> : <Countdown until={until} />}
      </button>
      <p role="status" className={until === null ? "muted" : "armedword"}>
        {until === null ? `${why ? `${why} ` : ""}Clicks place nothing.` : `Armed: each click places an order in ${account}, a click on your own mark cancels it.`}
      </p>
    </div>
  );
}

function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <span role="timer" className="num">ends in {leftOf(until, now)}</span>;
}
