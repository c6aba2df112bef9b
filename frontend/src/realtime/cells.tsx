import { useEffect, useRef, useSyncExternalStore } from "react";

import type { Field, TickStore } from "./tickStore";
import { ticks } from "./stream";

/** An instrument that trades twenty times a second would otherwise only ever begin to flash, and be styled anew each time. */
const FLASH_EVERY_MS = 400;

interface LiveCellProps {
  symbol: string;
  field: Field;
  format: (value: number) => string;
  /** Tint the background for a moment when the value rises or falls. */
  flash?: boolean;
  /** Colour by sign, with an arrow: colour is never alone. */
  bySign?: boolean;
  className?: string;
  store?: TickStore;
}

/** One live value. React renders it once; ticks write straight into its text. */
export function LiveCell({ symbol, field, format, flash = false, bySign = false, className = "", store = ticks }: LiveCellProps) {
  const element = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const node = element.current;
    if (!node) return undefined;
    const text = node.firstChild ?? node.appendChild(document.createTextNode(""));
    let last = NaN;
    let shownOnce = false;
    let turn = 0;
    let flashedAt = 0;
    const update = (): void => {
      const value = store.get(symbol, field);
      // Most ticks leave most fields as they are; formatting is what costs.
      if (shownOnce && Object.is(value, last)) return;
      shownOnce = true;
      const shown = (bySign && value !== 0 && Number.isFinite(value) ? (value > 0 ? "▲ " : "▼ ") : "") + format(value);
      if (text.nodeValue !== shown) text.nodeValue = shown;
      const sign = value > 0 ? "up" : value < 0 ? "down" : "flat";
      if (bySign && node.dataset.sign !== sign) node.dataset.sign = sign;
      // Two names for one animation: changing to the other one starts it again without forcing a layout.
      if (flash && value !== last && Number.isFinite(last) && performance.now() - flashedAt > FLASH_EVERY_MS) {
        flashedAt = performance.now();
        turn = 1 - turn;
        node.dataset.flash = `${value > last ? "up" : "down"}${turn}`;
      }
      last = value;
    };
    update();
    return store.watch(symbol, { update });
  }, [symbol, field, format, flash, bySign, store]);
  return <span ref={element} className={`live num ${flash ? "flash" : ""} ${className}`}>{"–"}</span>;
}

/** A few values of one instrument for a component that has to compute with them; renders at most four times a second. */
export function useQuote(symbol: string, field: Field): number {
  return useSyncExternalStore(
    (changed) => {
      let due: ReturnType<typeof setTimeout> | undefined;
      const stop = ticks.watch(symbol, {
        update: () => {
          due ??= setTimeout(() => {
            due = undefined;
            changed();
          }, 250);
        },
      });
      return () => {
        clearTimeout(due);
        stop();
      };
    },
    () => ticks.get(symbol, field),
  );
}
