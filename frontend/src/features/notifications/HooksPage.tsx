import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link } from "react-router";

import { data } from "@/api/client";
import { createHook, type HookBody, listHooks, listTradingAccounts } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { Field } from "@/shared/ui/Field";
import { ShownOnce } from "@/shared/ui/ShownOnce";
import { Empty, Failure, Loading } from "@/shared/ui/states";

import { HookCard } from "./HookCard";
import { parseTemplate, TEMPLATE, tradingViewMessage } from "./template";

/** Where alerts of other programs come in and become paper orders. */
export default function HooksPage() {
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const list = useQuery({ queryKey: ["hooks"], queryFn: () => data(listHooks()) });
  const accounts = useQuery({ queryKey: ["trading-accounts"], queryFn: () => data(listTradingAccounts()) });
  const names = new Map((accounts.data?.items ?? []).filter(({ kind }) => kind === "paper").map(({ id, name }) => [id, name]));
  function made(told: string): void {
    setSecret(told);
    setMaking(false);
  }
  return (
    <section className="stack" aria-label="Hooks">
      <div className="row">
        <p className="muted grow">Alerts of TradingView and of your own programs become orders of a paper account, with every check that an order passes.</p>
        {!making && names.size > 0 && <button type="button" className="button primary" onClick={() => setMaking(true)}>New hook</button>}
      </div>
      {secret && (
        <>
          <ShownOnce text={secret} done={() => setSecret(null)}>Copy the secret now; it is not shown again.</ShownOnce>
          <div className="panel stack">
            <p>Paste this as the message of the alert in TradingView, and the hook's address as its webhook URL.</p>
            <pre className="secret" tabIndex={0}>{tradingViewMessage(secret)}</pre>
          </div>
        </>
      )}
      {making && <NewHook accounts={names} made={made} cancel={() => setMaking(false)} />}
      {(list.isPending || accounts.isPending) && <Loading />}
      {(list.isError || accounts.isError) && <Failure error={list.error ?? accounts.error} retry={() => void Promise.all([list.refetch(), accounts.refetch()])} />}
      {accounts.isSuccess && names.size === 0 && <Empty action={<Link className="button primary" to="/portfolio">Open a paper account</Link>}>A hook places orders of a paper account, and you have none yet.</Empty>}
      {list.isSuccess && list.data.items.length === 0 && names.size > 0 && !making && <Empty action={<button type="button" className="button" onClick={() => setMaking(true)}>Add one</button>}>Nothing comes in yet.</Empty>}
      {list.data?.items.map((hook) => <HookCard key={hook.id} hook={hook} account={names.get(hook.account_id) ?? "a closed account"} showSecret={setSecret} />)}
    </section>
  );
}

const NO_FAULTS: ReadonlyMap<string, string> = new Map();

function NewHook({ accounts, made, cancel }: { accounts: ReadonlyMap<string, string>; made: (secret: string) => void; cancel: () => void }) {
  const cache = useQueryClient();
  const [template, setTemplate] = useState(() => JSON.stringify(TEMPLATE, null, 1));
  const parsed = parseTemplate(template);
  const create = useMutation({
    mutationFn: (body: HookBody) => data(createHook({ body })),
    onSuccess: ({ secret }) => {
      void cache.invalidateQueries({ queryKey: ["hooks"] });
      made(secret);
    },
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    if (parsed === null) return;
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    create.mutate({ name: text("name"), account_id: text("account"), template: parsed, calls_per_minute: Number(text("calls")) });
  }
  const faults = create.error ? toApiError(create.error, undefined).fields : NO_FAULTS;
  return (
    <form className="panel stack" onSubmit={submit} aria-label="New hook">
      {create.isError && <Failure error={create.error} />}
      <div className="pairs">
        <Field label="Name" name="name" required maxLength={100} defaultValue="TradingView" fault={faults.get("name")} />
        <label className="field"><span>Account</span>
          <select name="account">{[...accounts].map(([id, name]) => <option key={id} value={id}>{name}</option>)}</select>
        </label>
        <Field label="Calls a minute, at most" name="calls" type="number" required min={1} max={600} defaultValue={30} fault={faults.get("calls_per_minute")} />
      </div>
      <label className="field"><span>The order that an alert becomes</span>
        <textarea rows={8} spellCheck={false} value={template} aria-invalid={parsed === null || undefined} aria-describedby="template-note" onChange={(event) => setTemplate(event.target.value)} />
      </label>
      <p id="template-note" className={parsed === null ? "down" : "muted"}>{parsed === null ? "This is no JSON object of texts." : "{{name}} takes a member of the alert's body. Empty: the body's members are the order's fields."}</p>
      <div className="row">
        <button className="button primary" disabled={create.isPending || parsed === null}>Add the hook</button>
        <button type="button" className="button quiet" onClick={cancel}>Cancel</button>
      </div>
    </form>
  );
}
