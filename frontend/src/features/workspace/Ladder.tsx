import { type KeyboardEvent, type MouseEvent, useMemo, useRef, useState } from "react";
import { Link } from "react-router";

import type { AccountView, Instrument, OrderView } from "@/api/generated";
import { useHealth } from "@/realtime/health";
import { useTradingAccount } from "@/features/trading/account";
import { useWorkingOrders } from "@/features/trading/useWorkingOrders";
import { price } from "@/shared/format/numbers";
import { actOn } from "@/shared/keys/keys";
import { Doubt, isUnknown } from "@/shared/once";
import { Failure } from "@/shared/ui/states";

import "./ladder.css";
import { type Aim, isDoubled, useArming } from "./arming";
import { book, centred, gridOf, isInSight, ownAt, priceOf, rungOf, shifted, type Side, topAfter } from "./ladder";
import { LadderHead, type Terms } from "./LadderHead";
import { LadderRow } from "./LadderRow";
import { useBook } from "./useBook";
import { useLadderOrders } from "./useLadderOrders";

const NONE: readonly OrderView[] = [];
const NAMES = { buy: "Buy", sell: "Sell" } as const;
const ROWS = 17;
/** Fingers need higher rows. */
const ROWS_OF_PHONE = 13;
const rowsHere = (): number => (matchMedia("(max-width: 767px)").matches ? ROWS_OF_PHONE : ROWS);

interface Props {
  instrument: Pick<Instrument, "symbol" | "tick_size" | "lot_size">;
  derivative: boolean;
}

/** Fixed prices with what waits at each of them; once armed, a click places or cancels an order in a paper account. */
export default function Ladder({ instrument, derivative }: Props) {
  const { account } = useTradingAccount();
  // Another instrument or account is another ladder, which nobody has armed.
  return <Rungs key={`${instrument.symbol} ${account?.id}`} instrument={instrument} derivative={derivative} account={account} />;
}

function whyNot(mark: string, doubtful: boolean): string | null {
  if (doubtful) return "an order of which nobody knows";
  return mark === "live" || mark === "delayed" ? null : "stale prices";
}

function Rungs({ instrument, derivative, account }: Props & { account: AccountView | null }) {
  const { symbol, lot_size: lot } = instrument;
  const grid = useMemo(() => gridOf(instrument.tick_size), [instrument.tick_size]);
  const { depth, last } = useBook(symbol, true);
  const orders = useWorkingOrders(account?.id ?? "", symbol).data?.items ?? NONE;
  const own = useMemo(() => ownAt(grid, orders), [grid, orders]);
  const [said, setSaid] = useState("");
  const { placing, cancelling, place } = useLadderOrders(({ side, quantity, price: at, text, state }) => setSaid(`${NAMES[side]} ${quantity} at ${at}: ${text ?? state.replaceAll("_", " ")}`));
  const paper = account?.kind === "paper";
  const stop = whyNot(useHealth().mark, placing.error !== null && isUnknown(placing.error));
  const { until, ended, isArmed, arm, disarm } = useArming(stop);
  const [terms, setTerms] = useState<Terms>({ quantity: String(lot), product: derivative ? "nrml" : "cnc" });
  const [count] = useState(rowsHere);
  const [top, setTop] = useState<number | null>(null);
  const [hover, setHover] = useState(false);
  const [inside, setInside] = useState(false);
  /** Whether the user looks elsewhere than at the last price. */
  const [away, setAway] = useState(false);
  const [row, setRow] = useState(count >> 1);
  const aimed = useRef<(Aim & { at: number }) | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const armed = until !== null;
  const lastRung = Number.isFinite(last) ? rungOf(grid, last) : null;
  const wanted = topAfter(top, count, lastRung, hover || inside || away || armed);
  if (wanted !== top) setTop(wanted);
  const bids = book(grid, depth?.bids ?? []);
  const asks = book(grid, depth?.asks ?? []);
  const most = Math.max(1, ...bids.values(), ...asks.values());

  function focus(at: number): void {
    box.current?.querySelectorAll<HTMLElement>(".rung")[at]?.focus();
  }
  function step(by: number): void {
    const next = row + by;
    if (next >= 0 && next < count) return focus(next);
    look(-by);
  }
  function look(by: number): void {
    if (top === null) return;
    setTop(shifted(top, count, by));
    setAway(true);
  }
  function recentre(): void {
    if (lastRung === null) return;
    setTop(centred(lastRung, count));
    setAway(false);
    if (inside) focus(count >> 1);
  }
  function send(side: Side, rung: number, now: number): void {
    if (!account || !isArmed()) return setSaid("Nothing was placed: click trading is off.");
    const quantity = Number(terms.quantity);
    if (!/^\d+$/.test(terms.quantity) || quantity <= 0 || quantity % lot !== 0) return setSaid(lot > 1 ? `Nothing was placed: the quantity is to be a multiple of ${lot}.` : "Nothing was placed: the quantity is to be a whole number.");
    if (isDoubled(aimed.current, { side, rung }, now)) return;
    const at = priceOf(grid, rung);
    const sent = place({ account_id: account.id, symbol, side, quantity: terms.quantity, order_type: "limit", price: at, trigger_price: null, product: terms.product });
    if (sent) aimed.current = { side, rung, at: now };
    setSaid(sent ? `${NAMES[side]} ${terms.quantity} at ${at}: sent.` : "Nothing was placed: the order before it is still on its way.");
  }
  function cancel(side: Side, rung: number): void {
    const mine = own[side].get(rung);
    if (!mine) return;
    if (!isArmed()) return setSaid("Nothing was cancelled: click trading is off.");
    cancelling.mutate(mine.ids);
    setSaid(`Your order at ${priceOf(grid, rung)} is being cancelled.`);
  }
  function onClick(event: MouseEvent): void {
    const cell = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-act]") : null;
    const rung = Number(cell?.closest<HTMLElement>("[data-rung]")?.dataset.rung);
    switch (cell?.dataset.act) {
      case "buy":
      case "sell":
        return send(cell.dataset.act, rung, event.timeStamp);
      case "cancel-buy":
        return cancel("buy", rung);
      case "cancel-sell":
        return cancel("sell", rung);
    }
  }
  function onKey(event: KeyboardEvent): void {
    const rung = event.target instanceof HTMLElement && event.target.dataset.rung !== undefined ? Number(event.target.dataset.rung) : null;
    const order = (side: Side) => (rung === null ? false : event.repeat || send(side, rung, event.timeStamp));
    const move = (by: number) => (rung === null ? false : step(by));
    actOn("ladder", event, {
      higher: () => move(-1), lower: () => move(1), centre: () => (rung === null ? false : recentre()), buy: () => order("buy"), sell: () => order("sell"),
      cancel: () => (rung === null ? false : (cancel("buy", rung), cancel("sell", rung))),
      disarm: () => {
        if (!armed) return false;
        // The same key closes the drawer, which is not what was meant.
        event.stopPropagation();
        return disarm();
      },
    });
  }

  return (
    <div className="stack" data-armed={armed || undefined} onKeyDown={onKey}>
      {account && paper && (
        <LadderHead terms={terms} change={setTerms} lot={lot} derivative={derivative} until={until} why={stop ? `Not possible now: ${stop}.` : ended && `Ended: ${ended}.`} possible={armed || stop === null} account={account.name} toggle={armed ? disarm : arm} />
      )}
      {account && !paper && <p className="muted">Click trading is for paper accounts only. Orders of a live account go through its ticket, where each is looked over first.</p>}
      {!account && <p className="muted"><Link to="/portfolio">Open a paper account</Link> to place orders here.</p>}
      {top === null && <p className="muted">No price has come yet.</p>}
      {top !== null && (
        <>
          <div className="steps">
            <button type="button" className="button" onClick={() => look(count >> 1)}>Higher</button>
            <button type="button" className="button" onClick={() => look(-(count >> 1))}>Lower</button>
            <button type="button" className="button" data-away={lastRung === null || isInSight(top, count, lastRung) ? undefined : lastRung > top ? "above" : "below"} onClick={recentre}>To the last price</button>
          </div>
          <div
            ref={box} role="grid" className="live rungs" aria-label={`Price ladder of ${symbol}: what is bid, the price, what is asked`}
            onClick={onClick} onPointerEnter={() => setHover(true)} onPointerLeave={() => setHover(false)}
            onFocus={(event) => {
              setInside(true);
              setRow([...event.currentTarget.children].indexOf(event.target));
            }}
            onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setInside(false)}
          >
            {Array.from({ length: count }, (_, at) => {
              const rung = top - at;
              return (
                <LadderRow
                  key={at} rung={rung} price={price(Number(priceOf(grid, rung)), grid.decimals)} bid={bids.get(rung) ?? null} ask={asks.get(rung) ?? null} most={most} last={rung === lastRung} reachable={at === row}
                  buying={own.buy.get(rung)?.open ?? null} selling={own.sell.get(rung)?.open ?? null}
                />
              );
            })}
          </div>
        </>
      )}
      <p role="status" className="muted said">{said}</p>
      <Doubt about={placing} what="the order" see={<Link to="/orders">Orders</Link>} />
      {placing.result?.state === "rejected" && !placing.pending && <p className="warn" role="alert">{placing.result.text ?? "The order was rejected."}</p>}
      {cancelling.isError && <Failure error={cancelling.error} />}
    </div>
  );
}
