import { type FormEvent, useState } from "react";
import { Link, Navigate, useLocation } from "react-router";

import { toApiError } from "@/api/problem";
import { needsCode, PerhapsTaken, signIn, signUp, useSession } from "@/session/session";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import { AuthFrame } from "./AuthFrame";
import { CodeField } from "./CodeField";

interface Props {
  mode: "sign-in" | "sign-up";
}

interface Place {
  /** Where to go after signing in. */
  back?: string;
  /** What just happened, told above the form. */
  note?: string;
}

/** Sign in, or make an account and sign in. */
export function AuthPage({ mode }: Props) {
  const session = useSession();
  const place = (useLocation().state ?? {}) as Place;
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const isNew = mode === "sign-up";
  if (session.status === "signed-in") return <Navigate to={isNew ? "/connect" : (place.back ?? "/")} replace />;

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "");
    setBusy(true);
    try {
      if (isNew) await signUp(text("email"), text("password"), text("name"));
      else await signIn(text("email"), text("password"), text("code").trim() || null);
    } catch (failed) {
      setError(failed);
      setBusy(false);
    }
  }

  const fields = error === null ? new Map<string, string>() : toApiError(error, undefined).fields;
  const code = !isNew && (needsCode(error) || fields.has("otp"));
  return (
    <AuthFrame key={mode} title={isNew ? "Create your account" : "Sign in"} submit={submit}>
      {place.note && error === null && <p className="notice" role="status">{place.note}</p>}
      {error instanceof PerhapsTaken && (
        <p className="notice warning" role="alert">
          <span>{error.message} <Link to="/sign-in" state={place}>Sign in</Link> with its password, or <Link to="/forgot-password">set a new one</Link>.</span>
        </p>
      )}
      {error !== null && !needsCode(error) && !(error instanceof PerhapsTaken) && <Failure error={error} />}
      {isNew && <Field label="Name (optional)" name="name" autoComplete="name" maxLength={100} />}
      <Field label="Email" name="email" type="email" autoComplete="username" required fault={fields.get("email")} />
      <Field
        label="Password" name="password" type="password" required fault={fields.get("password")}
        autoComplete={isNew ? "new-password" : "current-password"}
        {...(isNew ? { minLength: 8, hint: "At least 8 characters; a few unrelated words are good." } : {})}
      />
      {code && <CodeField fault={fields.get("otp")} />}
      <button className="button primary" disabled={busy}>{busy ? "One moment …" : isNew ? "Create account" : "Sign in"}</button>
      <p className="muted">
        {isNew ? "You have an account? " : "New here? "}
        <Link to={isNew ? "/sign-in" : "/sign-up"} state={place}>{isNew ? "Sign in" : "Create an account"}</Link>
        {!isNew && <><br /><Link to="/forgot-password">Forgot your password?</Link></>}
      </p>
    </AuthFrame>
  );
}
