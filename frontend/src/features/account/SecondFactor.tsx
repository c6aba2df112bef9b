import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { beginTotp, confirmTotp, getMe, turnOffTotp } from "@/api/generated";
import { updateUser } from "@/session/session";
import { Field } from "@/shared/ui/Field";
import { ShownOnce } from "@/shared/ui/ShownOnce";
import { Failure } from "@/shared/ui/states";

async function reloadUser(): Promise<void> {
  updateUser(await data(getMe()));
}

/** Turn two-factor sign-in on and off. */
export function SecondFactor({ enabled }: { enabled: boolean }) {
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  return (
    <section className="panel stack" aria-labelledby="second-factor">
      <div className="row">
        <h2 id="second-factor" className="grow">Two-factor sign-in</h2>
        <span className={`tag ${enabled ? "good" : ""}`}>{enabled ? "on" : "off"}</span>
      </div>
      {codes && (
        <ShownOnce text={codes.join("\n")} name="recovery-codes" done={() => setCodes(null)}>
          Keep these recovery codes. Each signs you in once when your phone is gone; they are not shown again.
        </ShownOnce>
      )}
      {enabled ? <TurnOff /> : <TurnOn done={setCodes} />}
    </section>
  );
}

function TurnOn({ done }: { done: (codes: readonly string[]) => void }) {
  const begin = useMutation({ mutationFn: () => data(beginTotp()) });
  const confirm = useMutation({
    mutationFn: async (code: string) => {
      const { recovery_codes } = await data(confirmTotp({ body: { code } }));
      done(recovery_codes);
      await reloadUser();
    },
  });
  const failed = begin.error ?? confirm.error;
  if (!begin.data) {
    return (
      <>
        <p>Signing in then takes a code from an app on your phone as well, so that a stolen password is not enough.</p>
        {failed && <Failure error={failed} />}
        <div><button type="button" className="button primary" disabled={begin.isPending} onClick={() => begin.mutate()}>Turn it on</button></div>
      </>
    );
  }
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    confirm.mutate(String(new FormData(event.currentTarget).get("code") ?? "").trim());
  }
  return (
    <form className="stack" onSubmit={submit} style={{ maxWidth: 400 }}>
      <p>Scan this with your authenticator app, or type the secret into it.</p>
      <img width="200" height="200" alt="QR code for your authenticator app" style={{ background: "#fff", padding: 8 }} src={`data:image/svg+xml;utf8,${encodeURIComponent(begin.data.qr_svg)}`} />
      <code className="secret" data-testid="totp-secret">{begin.data.secret}</code>
      {failed && <Failure error={failed} />}
      <Field label="Code that the app shows" name="code" required inputMode="numeric" autoComplete="one-time-code" />
      <div><button className="button primary" disabled={confirm.isPending}>Confirm</button></div>
    </form>
  );
}

function TurnOff() {
  const off = useMutation({
    mutationFn: async (body: { password: string; code: string }) => {
      await data(turnOffTotp({ body }));
      await reloadUser();
    },
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    off.mutate({ password: String(form.get("password") ?? ""), code: String(form.get("code") ?? "").trim() });
  }
  return (
    <details>
      <summary>Turn it off</summary>
      <form className="stack" onSubmit={submit} style={{ maxWidth: 400, marginTop: 12 }}>
        {off.isError && <Failure error={off.error} />}
        <Field label="Password" name="password" type="password" required autoComplete="current-password" />
        <Field label="Code" name="code" required autoComplete="one-time-code" hint="From your authenticator app, or a recovery code." />
        <div><button className="button" disabled={off.isPending}>Turn two-factor sign-in off</button></div>
      </form>
    </details>
  );
}
