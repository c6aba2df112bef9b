import { Dialog } from "@base-ui/react/dialog";
import { type FormEvent, useState } from "react";

import { Field } from "@/shared/ui/Field";
import { Modal } from "@/shared/ui/Modal";

import { LONGEST_NOTE, noteOf } from "./drawings";

interface Props {
  /** What it says now; empty for a new one. */
  text: string;
  write: (text: string) => void;
  close: () => void;
}

/** Asks what a note on the chart says. */
export function NoteDialog({ text: before, write, close }: Props) {
  const [text, setText] = useState(before);
  const note = noteOf(text);
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (note !== "") write(note);
  }
  return (
    <Modal className="form" close={close}>
      <form className="stack" onSubmit={submit}>
        <Dialog.Title>{before === "" ? "A note on the chart" : "Change the note"}</Dialog.Title>
        <Field label="Note" autoFocus maxLength={LONGEST_NOTE} hint={`At most ${LONGEST_NOTE} characters.`} value={text} onChange={(event) => setText(event.target.value)} />
        <div className="row">
          <button className="button primary" disabled={note === ""}>{before === "" ? "Add the note" : "Change"}</button>
          <Dialog.Close className="button">Leave it</Dialog.Close>
        </div>
      </form>
    </Modal>
  );
}
