import { type FormEvent, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";

import { data } from "@/api/client";
import { resetPassword } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { sessions } from "@/session/session";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import { AuthFrame } from "./AuthFrame";
import { mailedToken } from "./mailedToken";

/** Where the link in the mail leads: choose a new password. */
export default function ResetPage() {
  const token = mailedToken(useLocation().hash);
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget).get("password") ?? "");
    setError(null);
    try {
      await data(resetPassword({ body: { token: token ?? "", new_password: password } }));
      // Whoever was signed in here is not any more.
      sessions.signOut();
      await navigate("/sign-in", { replace: true, state: { note: "Your password is changed. Sign in with the new one." } });
    } catch (failed) {
      setError(failed);
    }
  }

  if (token === null) {
    return (
      <AuthFrame title="This link is not whole">
        <p>Open it from the mail again, or ask for another one.</p>
        <Link to="/forgot-password">Send me a link</Link>
      </AuthFrame>
    );
  }
  const problem = error === null ? null : toApiError(error, undefined);
  return (
    <AuthFrame title="Choose a new password" submit={submit}>
      {problem && <Failure error={problem} />}
      <Field
        label="New password" name="password" type="password" required minLength={8} maxLength={256} autoComplete="new-password"
        hint="At least 8 characters; a few unrelated words are good." fault={problem?.fields.get("new_password")}
      />
      <button className="button primary">Set the password</button>
      {problem?.code === "invalid_token" && <Link to="/forgot-password">Send me another link</Link>}
    </AuthFrame>
  );
}
