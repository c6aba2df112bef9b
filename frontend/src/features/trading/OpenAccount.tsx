import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";

import { data } from "@/api/client";
import { type NewAccount, openTradingAccount } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

const PLANS: [NonNullable<NewAccount["charge_plan"]>, string][] = [
  ["icici_prime_999", "ICICI Prime 999"], ["icici_prime_2999", "ICICI Prime 2999"], ["icici_prime_9999", "ICICI Prime 9999"],
  ["icici_ivalue", "ICICI i-Value"], ["icici_neo", "ICICI Neo"], ["zerodha_like", "Discount broker"], ["free", "Taxes only"], ["none", "No charges"],
];

/** Open a paper account: its money is invented, its charges are not. */
export function OpenAccount({ opened }: { opened?: (id: string) => void }) {
  const cache = useQueryClient();
  const open = useMutation({
    mutationFn: (body: NewAccount) => data(openTradingAccount({ body })),
    onSuccess: async (account) => {
      await cache.invalidateQueries({ queryKey: ["trading-accounts"] });
      opened?.(account.id);
    },
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    open.mutate({ name: text("name"), initial_cash: text("cash"), charge_plan: text("plan") as NonNullable<NewAccount["charge_plan"]> });
  }
  const fields = open.error ? toApiError(open.error, undefined).fields : new Map<string, string>();
  return (
    <form className="panel stack" onSubmit={submit} style={{ maxWidth: 520 }} aria-labelledby="open-account">
      <h2 id="open-account">Open a paper account</h2>
      <p className="muted">Trade with invented money on the prices that you see, with the charges of your plan. Nothing reaches an exchange.</p>
      {open.isError && <Failure error={open.error} />}
      <Field label="Name" name="name" required maxLength={60} defaultValue="Paper" fault={fields.get("name")} />
      <Field label="Starting cash, rupees" name="cash" required inputMode="decimal" pattern="\d+(\.\d{1,2})?" defaultValue="1000000" fault={fields.get("initial_cash")} />
      <div className="field">
        <label htmlFor="plan">Charges</label>
        <select id="plan" name="plan" defaultValue="icici_prime_999">{PLANS.map(([id, name]) => <option key={id} value={id}>{name}</option>)}</select>
      </div>
      <div><button className="button primary" disabled={open.isPending}>Open the account</button></div>
    </form>
  );
}
