import { Dialog } from "@base-ui/react/dialog";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { Field } from "@/shared/ui/Field";
import { Modal } from "@/shared/ui/Modal";
import { Failure } from "@/shared/ui/states";

import { onTick } from "./linePrices";

interface Props {
  title: string;
  /** What the price is called. */
  label: string;
  /** The price that it has. */
  now: string;
  /** Where its line was taken; the price that it has when it was not. */
  proposed: string;
  tick: string | undefined;
  change: (price: string) => Promise<unknown>;
  /** The other thing to do with what the line stands for. */
  other: { name: string; run: () => Promise<unknown> };
  /** The query that has to be asked again. */
  stale: string;
  close: () => void;
}

/** Confirms another price of something that has a line. Enter changes it, Escape leaves it as it is. */
export function PriceDialog({ title, label, now, proposed, tick, change, other, stale, close }: Props) {
  const cache = useQueryClient();
  const [text, setText] = useState(proposed);
  const price = text.trim() === "" ? null : onTick(Number(text), tick);
  const settle = { onSuccess: close, onSettled: () => cache.invalidateQueries({ queryKey: [stale] }) };
  const changing = useMutation({ mutationFn: change, ...settle });
  const doing = useMutation({ mutationFn: other.run, ...settle });
  const same = price !== null && Number(price) === Number(now);
  const failure = changing.error ?? doing.error;
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (price !== null && !same) changing.mutate(price);
  }
  return (
    <Modal className="form" close={close}>
      <form className="stack" onSubmit={submit}>
        <Dialog.Title>{title}</Dialog.Title>
        <p>{price === null ? "Type a price." : same ? `It is at ${now} now.` : `From ${now} to ${price}.`}{price !== null && Number(price) !== Number(text) && ` The tick is ${tick ?? "0.01"}.`}</p>
        <Field label={label} autoFocus inputMode="decimal" value={text} onChange={(event) => setText(event.target.value)} />
        {failure && <Failure error={failure} />}
        <div className="row">
          <button className="button primary" disabled={price === null || same || changing.isPending}>{price === null || same ? "Change" : `Change to ${price}`}</button>
          <Dialog.Close className="button">Leave it</Dialog.Close>
          <span className="grow" />
          <button type="button" className="button" disabled={doing.isPending} onClick={() => doing.mutate()}>{other.name}</button>
        </div>
      </form>
    </Modal>
  );
}
