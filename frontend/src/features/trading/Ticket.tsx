import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useDeferredValue, useEffect, useRef, useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { type AccountView, type NewOrder, placeOrder, previewOrder } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { rupees } from "@/shared/format/numbers";
import { Doubt, useOnce } from "@/shared/once";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import { useTradingAccount } from "./account";
import { AccountKind } from "./AccountKind";
import { orderLine, PRODUCTS, TYPES } from "./orderWords";
import "./trading.css";
import { useTradingEvents } from "./useTradingEvents";

type Draft = Pick<NewOrder, "side" | "quantity" | "order_type" | "price" | "trigger_price" | "product">;

const AMOUNT = /^\d+(\.\d+)?$/;

interface Props {
  symbol: string;
  /** Contracts trade in lots; delivery is for shares. */
  lot: number;
  derivative: boolean;
  /** The side that was asked for elsewhere; another object is another wish. */
  wished?: Pick<NewOrder, "side"> | null;
}

/** Place an order of the instrument on the screen, with what it blocks and costs shown before. */
export function Ticket({ symbol, lot, derivative, wished }: Props) {
  const { account, list } = useTradingAccount();
  useTradingEvents();
  if (symbol.includes("_INDEX:")) return null;
  return (
    <section className="ticket stack" aria-label="Order ticket">
      <div className="row"><h2 className="grow">Order</h2>{account && <AccountKind account={account} />}</div>
      {list.isError && <Failure error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && !account && <p><Link to="/portfolio">Open a paper account</Link> to trade.</p>}
      {account && <Form key={`${symbol}${account.id}`} symbol={symbol} lot={lot} derivative={derivative} wished={wished} account={account} />}
    </section>
  );
}

function Form({ symbol, lot, derivative, wished, account }: Props & { account: AccountView }) {
  const [draft, setDraft] = useState<Draft>({
    side: wished?.side ?? "buy", quantity: String(lot), order_type: "market", price: null, trigger_price: null, product: derivative ? "nrml" : "cnc",
  });
  /** What was looked over and is to be sent to the broker; another draft is to be looked over again. */
  const [reviewed, setReviewed] = useState<NewOrder | null>(null);
  const change = (part: Partial<Draft>): void => {
    setDraft({ ...draft, ...part });
    setReviewed(null);
  };
  const form = useRef<HTMLFormElement>(null);
  const [heard, setHeard] = useState(wished);
  if (wished !== heard) {
    setHeard(wished);
    if (wished) change({ side: wished.side });
  }
  useEffect(() => {
    if (wished) form.current?.querySelector<HTMLInputElement>("input[type=number]")?.select();
  }, [wished]);
  const live = account.kind === "live";
  const limit = draft.order_type === "limit" || draft.order_type === "sl";
  const stop = draft.order_type === "sl" || draft.order_type === "sl_m";
  const whole = AMOUNT.test(draft.quantity) && (!limit || AMOUNT.test(draft.price ?? "")) && (!stop || AMOUNT.test(draft.trigger_price ?? ""));
  const order: NewOrder = {
    ...draft, account_id: account.id, symbol, price: limit ? draft.price : null, trigger_price: stop ? draft.trigger_price : null,
  };
  const asked = useDeferredValue(JSON.stringify(order));
  const preview = useQuery({
    queryKey: ["preview", asked],
    queryFn: ({ signal }) => data(previewOrder({ body: JSON.parse(asked) as NewOrder, signal })),
    enabled: whole, retry: false, staleTime: 2_000,
  });
  const place = useOnce((body: NewOrder, key) => data(placeOrder({ body, headers: { "Idempotency-Key": key } })));
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    if (live && !reviewed) return setReviewed(order);
    place.ask(reviewed ?? order);
    setReviewed(null);
  }
  const fields = place.error ? toApiError(place.error, undefined).fields : new Map<string, string>();
  const buying = draft.side === "buy";
  const verb = buying ? "Buy" : "Sell";
  return (
    <form ref={form} className="stack" onSubmit={submit}>
      <div className="pair" role="group" aria-label="Side">
        <button type="button" className="button" aria-pressed={buying} onClick={() => change({ side: "buy" })}>Buy</button>
        <button type="button" className="button" aria-pressed={!buying} onClick={() => change({ side: "sell" })}>Sell</button>
      </div>
      <div className="pair">
        <label className="field">Type<select value={draft.order_type} onChange={(event) => change({ order_type: event.target.value as NewOrder["order_type"] })}>
          {TYPES.map(([id, name]) => <option key={id} value={id}>{name}</option>)}
        </select></label>
        <label className="field">Product<select value={draft.product} onChange={(event) => change({ product: event.target.value as NewOrder["product"] })}>
          {PRODUCTS.filter(([id]) => id !== (derivative ? "cnc" : "nrml")).map(([id, name]) => <option key={id} value={id}>{name}</option>)}
        </select></label>
      </div>
      <Field label={lot > 1 ? `Quantity, in lots of ${lot}` : "Quantity"} type="number" required min={lot} step={lot} value={draft.quantity} onChange={(event) => change({ quantity: event.target.value })} fault={fields.get("quantity")} />
      {limit && <Field label="Price" inputMode="decimal" required value={draft.price ?? ""} onChange={(event) => change({ price: event.target.value.trim() })} fault={fields.get("price")} />}
      {stop && <Field label="Trigger price" inputMode="decimal" required value={draft.trigger_price ?? ""} onChange={(event) => change({ trigger_price: event.target.value.trim() })} fault={fields.get("trigger_price")} />}
      {whole && preview.data && (
        <dl className="facts-list">
          <div><dt>Blocks</dt><dd className="num">{rupees(preview.data.blocked)}</dd></div>
          <div><dt>Charges</dt><dd className="num" title={Object.entries(preview.data.charges).map(([name, amount]) => `${name}: ${rupees(amount)}`).join("\n")}>{rupees(preview.data.charges_total)}</dd></div>
          <div><dt>You have</dt><dd className="num">{rupees(preview.data.available)}</dd></div>
        </dl>
      )}
      {whole && preview.data?.failures.map((failure) => <p key={failure.code} className="warn">{failure.text}</p>)}
      {preview.isError && <Failure error={preview.error} />}
      <Doubt about={place} what="the order" see={<Link to="/orders">Orders</Link>} />
      {place.result && !place.pending && <p className="notice" role="status">{place.result.text ?? `The order is ${place.result.state.replaceAll("_", " ")}.`} <Link to="/orders">Orders</Link></p>}
      {reviewed && (
        <div className="notice warning" role="alert">
          <b>{orderLine(reviewed, preview.data?.blocked ?? null)}</b>
          <span>It goes to the broker from the account {account.name}.</span>
          <button type="button" className="button" onClick={() => setReviewed(null)}>Back</button>
        </div>
      )}
      <button className={`button primary ${draft.side}`} disabled={!whole || place.pending || preview.data?.ok === false}>
        {live ? (reviewed ? `${verb} at the broker` : `Review: ${verb.toLowerCase()} at the broker`) : `${verb} on paper`}
      </button>
    </form>
  );
}
