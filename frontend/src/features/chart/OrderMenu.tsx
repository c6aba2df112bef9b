import { Popover } from "@base-ui/react/popover";
import { ListOrdered } from "lucide-react";

import type { WorkingOrder } from "./MarkLayer";
import { named } from "./orderPrices";

/** The working orders whose lines are on the chart: what dragging does, without a pointer. */
export function OrderMenu({ orders, change }: { orders: readonly WorkingOrder[]; change: (order: WorkingOrder) => void }) {
  return (
    <Popover.Root>
      <Popover.Trigger className="button quiet" aria-label={`Working orders: ${orders.length}`}><ListOrdered size={15} aria-hidden /> {orders.length}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={4} style={{ zIndex: 9 }}>
          <Popover.Popup className="menu drawings">
            <Popover.Title render={<h2 />}>Working orders</Popover.Title>
            <p className="muted">Drag a line on the chart to another price, or change it here.</p>
            <ul>
              {orders.map((order) => (
                <li key={`${order.id}${order.field}`}>
                  <span className={order.side === "buy" ? "up" : "down"}>{order.side === "buy" ? "▲" : "▼"}</span>
                  <span className="grow">{named(order)}</span>
                  <span className="num">{order.price}</span>
                  <Popover.Close className="button" aria-label={`Change ${named(order)} at ${order.price}`} onClick={() => change(order)}>Change</Popover.Close>
                </li>
              ))}
            </ul>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
