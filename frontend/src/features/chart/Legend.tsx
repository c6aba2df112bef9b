import { type Ref, useImperativeHandle, useRef } from "react";

import { compact, percent, price } from "@/shared/format/numbers";

import type { Bar } from "./bars";
import type { Reading } from "./StudyLayer";

export interface LegendHandle {
  show(bar: Bar | null, readings: readonly Reading[], beside: { symbol: string; close: number } | null): void;
}

/** The values under the crosshair. Written straight into the page: they change with each move of the pointer. */
export function Legend({ ref, decimals }: { ref: Ref<LegendHandle>; decimals: number }) {
  const own = useRef<HTMLSpanElement>(null);
  const others = useRef<HTMLSpanElement>(null);
  useImperativeHandle(ref, () => ({
    show(bar, readings, beside) {
      if (!own.current || !others.current) return;
      own.current.textContent = bar ? words(bar, decimals) : "";
      own.current.dataset.sign = bar && bar.c < bar.o ? "down" : "up";
      const more = beside ? [{ title: beside.symbol, colour: "var(--warn)", value: beside.close }] : [];
      write(others.current, [...readings, ...more]);
    },
  }), [decimals]);
  return <div className="legend num"><span ref={own} className="live" /> <span ref={others} /></div>;
}

function words(bar: Bar, d: number): string {
  const change = percent((bar.c / bar.o - 1) * 100);
  const interest = Number.isNaN(bar.oi) ? "" : `  OI ${compact(bar.oi)}`;
  return `O ${price(bar.o, d)}  H ${price(bar.h, d)}  L ${price(bar.l, d)}  C ${price(bar.c, d)}  ${change}  V ${compact(bar.v)}${interest}`;
}

function write(place: HTMLElement, readings: readonly Reading[]): void {
  while (place.childElementCount > readings.length) place.lastElementChild?.remove();
  readings.forEach(({ title, colour, value }, i) => {
    const item = (place.children[i] ?? place.appendChild(document.createElement("span"))) as HTMLElement;
    item.style.setProperty("--dot", colour);
    const text = `${title} ${price(value)} `;
    if (item.textContent !== text) item.textContent = text;
  });
}
