import { type FormEvent, useState } from "react";
import { Link, Navigate, useLocation } from "react-router";

import { toApiError } from "@/api/problem";
import { signIn, signUp, useSession } from "@/session/session";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

interface Props {
  mode: "sign-in" | "sign-up";
}

/** Sign in, or make an account and sign in. */
export function AuthPage({ mode }: Props) {
  const session = useSession();
  const place = useLocation();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const isNew = mode === "sign-up";
  if (session.status === "signed-in") {
    const back: unknown = place.state;
    return <Navigate to={isNew ? "/connect" : typeof back === "string" ? back : "/"} replace />;
  }

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "");
    setBusy(true);
    setError(null);
    try {
      await (isNew ? signUp(text("email"), text("password"), text("name")) : signIn(text("email"), text("password")));
    } catch (failed) {
      setError(failed);
      setBusy(false);
    }
  }

  const fields = error === null ? new Map<string, string>() : toApiError(error, undefined).fields;
  return (
    <main className="auth">
      <form onSubmit={submit} key={mode}>
        <span className="brand"><img src="/favicon.svg" alt="" width="28" height="28" /> Breezeway</span>
        <h1>{isNew ? "Create your account" : "Sign in"}</h1>
        {error !== null && <Failure error={error} />}
        {isNew && <Field label="Name (optional)" name="name" autoComplete="name" maxLength={100} />}
        <Field label="Email" name="email" type="email" autoComplete="username" required fault={fields.get("email")} />
        <Field
          label="Password" name="password" type="password" required fault={fields.get("password")}
          autoComplete={isNew ? "new-password" : "current-password"}
          {...(isNew ? { minLength: 8, hint: "At least 8 characters; a few unrelated words are good." } : {})}
        />
        <button className="button primary" disabled={busy}>{busy ? "One moment …" : isNew ? "Create account" : "Sign in"}</button>
        <p className="muted">
          {isNew ? "You have an account? " : "New here? "}
          <Link to={isNew ? "/sign-in" : "/sign-up"} state={place.state as unknown}>{isNew ? "Sign in" : "Create an account"}</Link>
        </p>
      </form>
    </main>
  );
}
