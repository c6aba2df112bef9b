import { Dialog } from "@base-ui/react/dialog";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { cancelOrder, modifyOrder } from "@/api/generated";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import type { WorkingOrder } from "./MarkLayer";
import { named, onTick } from "./orderPrices";

interface Props {
  symbol: string;
  order: WorkingOrder;
  /** Where its line was taken; its own price when it was not. */
  proposed: string;
  tick: string | undefined;
  close: () => void;
}

/** Confirms another price of a working order. Enter changes it, Escape leaves it as it is. */
export function OrderDialog({ symbol, order, proposed, tick, close }: Props) {
  const cache = useQueryClient();
  const [text, setText] = useState(proposed);
  const price = text.trim() === "" ? null : onTick(Number(text), tick);
  const settle = { onSuccess: close, onSettled: () => cache.invalidateQueries({ queryKey: ["orders"] }) };
  const change = useMutation({ mutationFn: (wanted: string) => data(modifyOrder({ path: { order_id: order.id }, body: { [order.field]: wanted } })), ...settle });
  const cancel = useMutation({ mutationFn: () => data(cancelOrder({ path: { order_id: order.id } })), ...settle });
  const same = price !== null && Number(price) === Number(order.price);
  const failure = change.error ?? cancel.error;
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (price !== null && !same) change.mutate(price);
  }
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="overlay" />
        <Dialog.Popup className="dialog form">
          <form className="stack" onSubmit={submit}>
            <Dialog.Title>Change {named(order)} of {symbol}</Dialog.Title>
            <p>{price === null ? "Type a price." : same ? `It is at ${order.price} now.` : `From ${order.price} to ${price}.`}{price !== null && Number(price) !== Number(text) && ` The tick is ${tick ?? "0.01"}.`}</p>
            <Field label={order.field === "price" ? "Price" : "Trigger price"} autoFocus inputMode="decimal" value={text} onChange={(event) => setText(event.target.value)} />
            {failure && <Failure error={failure} />}
            <div className="row">
              <button className="button primary" disabled={price === null || same || change.isPending}>{price === null || same ? "Change" : `Change to ${price}`}</button>
              <Dialog.Close className="button">Leave it</Dialog.Close>
              <span className="grow" />
              <button type="button" className="button" disabled={cancel.isPending} onClick={() => cancel.mutate()}>Cancel the order</button>
            </div>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
