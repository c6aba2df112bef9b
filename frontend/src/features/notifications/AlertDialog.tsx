import { useState } from "react";

import { ticks } from "@/realtime/stream";
import { Modal } from "@/shared/ui/Modal";
import { Failure } from "@/shared/ui/states";

import { AlertForm } from "./AlertForm";
import { AlertList } from "./AlertList";
import { useAlerts } from "./alerts";
import "./notifications.css";

/** The alerts of one instrument, over the chart or watchlist from which it was opened. */
export function AlertDialog({ symbol, close }: { symbol: string; close: () => void }) {
  const own = useAlerts(symbol);
  // As it was when the dialog opened: a level that changes under the pointer cannot be edited.
  const [last] = useState(() => ticks.get(symbol, "ltp"));
  return (
    <Modal title={`Alerts on ${symbol}`} className="alertdialog" close={close}>
      {own.failed && <Failure error={own.failed} retry={() => void own.list.refetch()} />}
      {own.alerts.length > 0 && <AlertList alerts={own.alerts} acting={own} brief />}
      <AlertForm symbol={symbol} level={Number.isNaN(last) ? "" : String(last)} />
    </Modal>
  );
}
