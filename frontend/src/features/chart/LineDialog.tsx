import { data } from "@/api/client";
import { cancelOrder, changeAlert, deleteAlert, modifyOrder } from "@/api/generated";

import type { MovableLine } from "./MarkLayer";
import { named } from "./linePrices";
import { PriceDialog } from "./PriceDialog";

interface Props {
  symbol: string;
  line: MovableLine;
  /** Where the line was taken; its own price when it was not. */
  proposed: string;
  tick: string | undefined;
  close: () => void;
}

/** Confirms another price of a working order or of an alert. */
export function LineDialog({ symbol, line, proposed, tick, close }: Props) {
  const about = { proposed, tick, close, now: line.price };
  if (line.field === "value") {
    const path = { alert_id: line.id };
    return (
      <PriceDialog
        {...about} title={`Change the alert on ${symbol}`} label="Price" stale="alerts"
        change={(value) => data(changeAlert({ path, body: { value } }))} other={{ name: "Delete the alert", run: () => data(deleteAlert({ path })) }}
      />
    );
  }
  const path = { order_id: line.id };
  return (
    <PriceDialog
      {...about} title={`Change ${named(line)} of ${symbol}`} label={line.field === "price" ? "Price" : "Trigger price"} stale="orders"
      change={(wanted) => data(modifyOrder({ path, body: { [line.field]: wanted } }))} other={{ name: "Cancel the order", run: () => data(cancelOrder({ path })) }}
    />
  );
}
