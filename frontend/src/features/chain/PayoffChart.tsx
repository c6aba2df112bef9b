import { type PointerEvent, useState } from "react";

import { compact, price, signed } from "@/shared/format/numbers";

import { atExpiry, type Conditions, type Leg, now, span } from "./payoff";

const SIZE = { width: 440, height: 200, left: 52, bottom: 18, top: 8 };
const STEPS = 160;

interface Props {
  legs: readonly Leg[];
  spot: number;
  conditions: Conditions;
  /** In words, for who does not see it. */
  summary: string;
}

/** What the basket wins or loses over the price of the underlying: at expiry as a line, now as a dashed one. */
export function PayoffChart({ legs, spot, conditions, summary }: Props) {
  const { from, to } = span(legs, spot, conditions.years);
  const [chosen, setChosen] = useState<number | null>(null);
  const at = Math.min(to, Math.max(from, chosen ?? spot));
  const prices = [...new Set([...Array.from({ length: STEPS + 1 }, (_, i) => from + ((to - from) * i) / STEPS), ...legs.map(({ strike }) => strike), spot])].filter((each) => each >= from && each <= to).sort((a, b) => a - b);
  const expiry = prices.map((each) => atExpiry(legs, each));
  const today = prices.map((each) => now(legs, each, conditions));
  const known = [...expiry, ...today.filter((value) => value !== null), 0];
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const x = (each: number): number => SIZE.left + ((each - from) / (to - from)) * (SIZE.width - SIZE.left);
  const y = (value: number): number => SIZE.top + ((most - value) / (most - least || 1)) * (SIZE.height - SIZE.top - SIZE.bottom);
  const line = (values: readonly (number | null)[]): string => values.flatMap((value, i) => (value === null ? [] : [`${x(prices[i] ?? 0).toFixed(1)},${y(value).toFixed(1)}`])).join(" ");
  const area = (end: number): string => `${x(from).toFixed(1)},${y(0).toFixed(1)} ${line(expiry.map((value) => (Math.sign(value) === end ? value : 0)))} ${x(to).toFixed(1)},${y(0).toFixed(1)}`;
  const nowAt = now(legs, at, conditions);
  function point(event: PointerEvent<SVGSVGElement>): void {
    const box = event.currentTarget.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * SIZE.width;
    setChosen(from + ((across - SIZE.left) / (SIZE.width - SIZE.left)) * (to - from));
  }
  return (
    <figure className="payoff">
      <svg viewBox={`0 0 ${SIZE.width} ${SIZE.height}`} role="img" aria-label={summary} onPointerMove={point} onPointerDown={point} onPointerLeave={() => setChosen(null)}>
        <polygon className="win" points={area(1)} />
        <polygon className="lose" points={area(-1)} />
        {[most, 0, least].map((value, i) => <text key={i} x={SIZE.left - 6} y={y(value) + (i === 0 ? 8 : i === 2 ? 0 : 4)} textAnchor="end">{value === 0 && i !== 1 ? "" : compact(value)}</text>)}
        <line className="zero" x1={SIZE.left} x2={SIZE.width} y1={y(0)} y2={y(0)} />
        <line className="spot" x1={x(spot)} x2={x(spot)} y1={SIZE.top} y2={SIZE.height - SIZE.bottom} />
        <polyline className="expiry" points={line(expiry)} />
        <polyline className="today" points={line(today)} />
        {chosen !== null && <line className="chosen" x1={x(at)} x2={x(at)} y1={SIZE.top} y2={SIZE.height - SIZE.bottom} />}
        {[from, to].map((each, i) => <text key={i} x={i === 0 ? SIZE.left : SIZE.width} y={SIZE.height - 4} textAnchor={i === 0 ? "start" : "end"}>{price(each, 0)}</text>)}
        <text x={x(spot)} y={SIZE.height - 4} textAnchor="middle">{price(spot, 0)}</text>
      </svg>
      <input type="range" min={from} max={to} step={(to - from) / 200} value={at} aria-label="Price of the underlying" aria-valuetext={`${price(at)}: at expiry ${signed(atExpiry(legs, at))}, now ${signed(nowAt)}`} onChange={(event) => setChosen(Number(event.target.value))} />
      <figcaption className="row num">
        <span>At {price(at)}</span>
        <span><i className="key expiry" aria-hidden /> at expiry {signed(atExpiry(legs, at), 0)}</span>
        <span><i className="key today" aria-hidden /> now {signed(nowAt, 0)}</span>
      </figcaption>
    </figure>
  );
}
