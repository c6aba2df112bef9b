import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { addBrokerAccount, type NewBrokerAccountWritable } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

/** The app that every simulator knows unless it was told otherwise. */
const SIMULATOR_APP = { api_key: "sim+key=1", api_secret: "sim-secret" };

/** Step one: the keys of the Breeze app. */
export function AddAccount({ first, added }: { first: boolean; added: () => void }) {
  const [open, setOpen] = useState(first);
  const [environment, setEnvironment] = useState<"simulator" | "live">("simulator");
  const add = useMutation({
    mutationFn: (body: NewBrokerAccountWritable) => data(addBrokerAccount({ body })),
    onSuccess: () => {
      setOpen(false);
      added();
    },
  });
  if (!open) return <div><button type="button" className="button" onClick={() => setOpen(true)}>Add another account</button></div>;

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    add.mutate({ broker: "breeze", environment, label: text("label"), api_key: text("key"), api_secret: text("secret") });
  }

  const simulated = environment === "simulator";
  const fields = add.error ? toApiError(add.error, undefined).fields : new Map<string, string>();
  return (
    <form className="panel stack" onSubmit={submit} style={{ maxWidth: 520 }}>
      <h2>1. The keys of your Breeze app</h2>
      <div className="row" role="group" aria-label="Environment">
        <button type="button" className="button" aria-pressed={simulated} onClick={() => setEnvironment("simulator")}>Simulator</button>
        <button type="button" className="button" aria-pressed={!simulated} onClick={() => setEnvironment("live")}>ICICI Direct (live)</button>
      </div>
      <p className="muted">
        {simulated
          ? "A built-in exchange with invented prices. Its default app is filled in."
          : `From the API page of ICICI Direct. Register ${location.origin}/api/v1/broker-accounts/callback as the redirect URL of the app.`}
      </p>
      {add.isError && <Failure error={add.error} />}
      <div className="stack" key={environment}>
        <Field label="Name of this account" name="label" required maxLength={60} defaultValue={simulated ? "Simulator" : "ICICI Direct"} fault={fields.get("label")} />
        <Field label="API key" name="key" required autoComplete="off" spellCheck={false} defaultValue={simulated ? SIMULATOR_APP.api_key : ""} fault={fields.get("api_key")} />
        <Field label="API secret" name="secret" type="password" required autoComplete="off" defaultValue={simulated ? SIMULATOR_APP.api_secret : ""} fault={fields.get("api_secret")} />
      </div>
      <div className="row">
        <button className="button primary" disabled={add.isPending}>Save account</button>
        {!first && <button type="button" className="button quiet" onClick={() => setOpen(false)}>Cancel</button>}
      </div>
    </form>
  );
}
