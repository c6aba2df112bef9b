import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { createApiKey, type CreatedApiKey, type NewApiKey } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { useSession } from "@/session/session";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

type Scope = NewApiKey["scopes"][number];

const SCOPES: { scope: Scope; says: string }[] = [
  { scope: "read", says: "see what you see" },
  { scope: "data", says: "download market data, start backfills" },
  { scope: "trade", says: "place and change orders" },
  { scope: "admin", says: "act as an administrator" },
];
const NO_FAULTS: ReadonlyMap<string, string> = new Map();

interface Props {
  made: (key: CreatedApiKey) => void;
  cancel: () => void;
}

/** What a new key is called, may do, from where and until when. */
export function NewApiKeyForm({ made, cancel }: Props) {
  const session = useSession();
  const isAdmin = session.status === "signed-in" && session.session.user.role === "admin";
  const [scopes, setScopes] = useState<ReadonlySet<Scope>>(new Set(["read", "data"]));
  const create = useMutation({ mutationFn: (body: NewApiKey) => data(createApiKey({ body })), onSuccess: made });

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    const end = text("end");
    create.mutate({
      name: text("name"),
      scopes: [...scopes],
      allowed_ips: text("addresses").split(/[\s,]+/).filter(Boolean),
      // The whole of the last day counts, in Indian time like everything else here.
      expires_at: end === "" ? null : new Date(`${end}T23:59:59+05:30`).toISOString(),
    });
  }

  function toggle(scope: Scope, on: boolean): void {
    const next = new Set(scopes);
    if (on) next.add(scope);
    else next.delete(scope);
    setScopes(next);
  }

  const faults = create.error ? toApiError(create.error, undefined).fields : NO_FAULTS;
  return (
    <form className="stack" onSubmit={submit} aria-label="New API key" style={{ maxWidth: 520 }}>
      {create.isError && <Failure error={create.error} />}
      <Field label="Name" name="name" required maxLength={100} placeholder="Scanner on the NAS" fault={faults.get("name")} />
      <fieldset className="choices">
        <legend>It may</legend>
        {SCOPES.filter(({ scope }) => scope !== "admin" || isAdmin).map(({ scope, says }) => (
          <label key={scope}>
            <input type="checkbox" checked={scopes.has(scope)} onChange={(event) => toggle(scope, event.target.checked)} />
            <span><b>{scope}</b> <span className="muted">{says}</span></span>
          </label>
        ))}
      </fieldset>
      <Field label="Only from these addresses (optional)" name="addresses" placeholder="203.0.113.7, 2001:db8::/48" hint="Addresses or CIDR ranges. Empty means from anywhere." fault={faults.get("allowed_ips")} />
      <Field label="Last day (optional)" name="end" type="date" fault={faults.get("expires_at")} />
      <div className="row">
        <button className="button primary" disabled={create.isPending || scopes.size === 0}>Make the key</button>
        <button type="button" className="button quiet" onClick={cancel}>Cancel</button>
      </div>
    </form>
  );
}
