import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { data } from "@/api/client";
import { changePassword } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

/** Set a new password; every other browser is signed out by it. */
export function ChangePassword({ email }: { email: string }) {
  const change = useMutation({ mutationFn: (body: { current_password: string; new_password: string }) => data(changePassword({ body })) });

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const text = (name: string): string => String(given.get(name) ?? "");
    change.mutate({ current_password: text("current"), new_password: text("new") }, { onSuccess: () => form.reset() });
  }

  const fields = change.error ? toApiError(change.error, undefined).fields : new Map<string, string>();
  return (
    <form className="panel stack" onSubmit={submit} aria-labelledby="password">
      <h2 id="password">Password</h2>
      {change.isError && <Failure error={change.error} />}
      {change.isSuccess && <p className="notice" role="status">Your password is changed. Every other session has ended.</p>}
      <div className="stack" style={{ maxWidth: 400 }}>
        <input type="email" name="email" value={email} autoComplete="username" readOnly hidden />
        <Field label="Password so far" name="current" type="password" required autoComplete="current-password" fault={fields.get("current_password")} />
        <Field label="New password" name="new" type="password" required minLength={8} maxLength={256} autoComplete="new-password" hint="At least 8 characters; a few unrelated words are good." fault={fields.get("new_password")} />
        <div><button className="button primary" disabled={change.isPending}>Change the password</button></div>
      </div>
    </form>
  );
}
