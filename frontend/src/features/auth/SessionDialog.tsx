import { Dialog } from "@base-ui/react/dialog";
import { type FormEvent, useState } from "react";

import { needsCode, sessions, signIn, useSession } from "@/session/session";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import { CodeField } from "./CodeField";

/** Asks for the password again, over the page that was being worked on, when a sign-in has ended by itself. */
export function SessionDialog() {
  const state = useSession();
  const [error, setError] = useState<unknown>(null);
  const [code, setCode] = useState(false);
  if (state.status !== "expired") return null;
  const { email } = state.user;

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "");
    setError(null);
    try {
      await signIn(email, text("password"), text("code").trim() || null);
      setCode(false);
    } catch (failed) {
      if (needsCode(failed)) setCode(true);
      else setError(failed);
    }
  }

  return (
    <Dialog.Root open>
      <Dialog.Portal>
        <Dialog.Backdrop className="overlay" />
        <Dialog.Popup className="dialog form">
          <form className="stack" onSubmit={submit}>
            <Dialog.Title render={<h2 />}>Your session has ended</Dialog.Title>
            <Dialog.Description>Sign in as {email} to go on where you were.</Dialog.Description>
            {error !== null && <Failure error={error} />}
            <input type="email" name="email" value={email} autoComplete="username" readOnly hidden />
            <Field label="Password" name="password" type="password" autoComplete="current-password" required autoFocus />
            {code && <CodeField />}
            <div className="row">
              <button className="button primary">Sign in</button>
              <button type="button" className="button quiet" onClick={() => sessions.signOut()}>Leave instead</button>
            </div>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
