import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { data } from "@/api/client";
import { startBackfill } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { isoDay } from "@/shared/format/time";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

const DAY = 86_400_000;

/** "NSE:RELIANCE, nse:infy" → symbols; commas, spaces and new lines separate. */
export function symbolsIn(text: string): string[] {
  return [...new Set(text.toUpperCase().split(/[\s,;]+/).filter(Boolean))];
}

export function BackfillForm({ symbol, started }: { symbol: string; started: () => void }) {
  const [fault, setFault] = useState<string>();
  const [today] = useState(Date.now);
  const start = useMutation({
    mutationFn: (body: { symbols: string[]; interval: string; from: string; to: string }) => data(startBackfill({ body })),
    onSuccess: started,
  });
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string): string => String(form.get(name) ?? "");
    const symbols = symbolsIn(text("symbols"));
    const last = Date.parse(text("to"));
    if (Date.parse(text("from")) > last) {
      setFault("The last day is before the first.");
      return;
    }
    setFault(undefined);
    // The API's end is exclusive, a person's last day is not.
    start.mutate({ symbols, interval: text("interval"), from: text("from"), to: new Date(last + DAY).toISOString().slice(0, 10) });
  }
  const fields = start.error ? toApiError(start.error, undefined).fields : new Map<string, string>();
  return (
    <form className="panel stack" onSubmit={submit}>
      <h2>Fetch history</h2>
      <Field key={symbol} label="Instruments" name="symbols" required defaultValue={symbol} spellCheck={false} hint="Such as NSE:RELIANCE, NSE_INDEX:NIFTY; up to 200." fault={fields.get("symbols")} />
      <div className="field">
        <label htmlFor="backfill-interval">Bars</label>
        <select id="backfill-interval" name="interval" defaultValue="1m">
          <option value="1m">1 minute (3m to 4h are made from it)</option>
          <option value="1d">1 day</option>
          <option value="1s">1 second</option>
        </select>
      </div>
      <div className="days">
        <Field label="First day" name="from" type="date" required defaultValue={isoDay(today - 30 * DAY)} fault={fields.get("from")} />
        <Field label="Last day" name="to" type="date" required defaultValue={isoDay(today)} max={isoDay(today)} fault={fault ?? fields.get("to")} />
      </div>
      {start.isError && <Failure error={start.error} />}
      <div><button className="button primary" disabled={start.isPending}>Start backfill</button></div>
    </form>
  );
}
