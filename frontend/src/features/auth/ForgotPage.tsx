import { type FormEvent, useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { forgetPassword } from "@/api/generated";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import { AuthFrame } from "./AuthFrame";

/** Ask for a link to set a new password. */
export default function ForgotPage() {
  const [sentTo, setSentTo] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const email = String(new FormData(event.currentTarget).get("email") ?? "");
    setError(null);
    try {
      await data(forgetPassword({ body: { email } }));
      setSentTo(email);
    } catch (failed) {
      setError(failed);
    }
  }

  if (sentTo !== null) {
    return (
      <AuthFrame title="Look into your mailbox">
        <p role="status">If {sentTo} has an account here, a link to set a new password is on its way. It works for 30 minutes.</p>
        <p className="muted">On a development machine, mails land in the <Link to="/mailbox">development mailbox</Link>.</p>
        <Link to="/sign-in">Back to signing in</Link>
      </AuthFrame>
    );
  }
  return (
    <AuthFrame title="Forgot your password?" submit={submit}>
      {error !== null && <Failure error={error} />}
      <Field label="Email" name="email" type="email" autoComplete="username" required />
      <button className="button primary">Send me a link</button>
      <Link to="/sign-in">Back to signing in</Link>
    </AuthFrame>
  );
}
