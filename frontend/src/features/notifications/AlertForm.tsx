import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, lazy, Suspense, useState } from "react";

import { data } from "@/api/client";
import { type AlertBody, createAlert } from "@/api/generated";
import { toApiError } from "@/api/problem";
import { Field } from "@/shared/ui/Field";
import { Failure } from "@/shared/ui/states";

import { type Condition, CONDITIONS, levelOf, type Repeat, REPEATS } from "./alerts";

const SearchDialog = lazy(() => import("@/shared/search/SearchDialog").then((module) => ({ default: module.SearchDialog })));

interface Props {
  /** The instrument that it is about; without one the user chooses. */
  symbol?: string;
  /** What to begin with: the last price, say. */
  level?: string;
  done?: () => void;
}

const NO_FAULTS: ReadonlyMap<string, string> = new Map();

/** One condition on one instrument, and how often it tells. */
export function AlertForm({ symbol: fixed, level = "", done }: Props) {
  const cache = useQueryClient();
  const [symbol, setSymbol] = useState(fixed ?? "");
  const [searching, setSearching] = useState(false);
  const [condition, setCondition] = useState<Condition>("crosses");
  const [value, setValue] = useState(level);
  const [repeat, setRepeat] = useState<Repeat>("once");
  const [minutes, setMinutes] = useState("15");
  const [note, setNote] = useState("");
  const create = useMutation({
    mutationFn: (body: AlertBody) => data(createAlert({ body })),
    onSuccess: async () => {
      setNote("");
      await cache.invalidateQueries({ queryKey: ["alerts"] });
      done?.();
    },
  });
  const number = levelOf(value);

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    if (number === null) return;
    const cooldown = repeat === "cooldown" ? Math.max(1, Math.round(Number(minutes) * 60)) : 0;
    create.mutate({ symbol, condition, value: number, repeat, cooldown_seconds: cooldown, note });
  }

  const faults = create.error ? toApiError(create.error, undefined).fields : NO_FAULTS;
  return (
    <form className="alertform" onSubmit={submit} aria-label="New alert">
      {!fixed && (
        <div className="row bottom">
          <div className="grow"><Field label="Instrument" required value={symbol} maxLength={96} placeholder="NSE:RELIANCE" autoCapitalize="characters" spellCheck={false} onChange={(event) => setSymbol(event.target.value.trim())} fault={faults.get("symbol")} /></div>
          <button type="button" className="button" onClick={() => setSearching(true)}>Search</button>
        </div>
      )}
      <div className="pairs">
        <label className="field"><span>When it</span>
          <select value={condition} onChange={(event) => setCondition(event.target.value as Condition)}>
            {Object.entries(CONDITIONS).map(([id, name]) => <option key={id} value={id}>{name}</option>)}
          </select>
        </label>
        <Field label={condition === "moves_percent" ? "Percent" : condition === "volume_above" ? "Volume" : "Price"} required inputMode="decimal" value={value} onChange={(event) => setValue(event.target.value)} fault={faults.get("value") ?? (value !== "" && number === null ? "A number above 0." : undefined)} />
        <label className="field"><span>Tell</span>
          <select value={repeat} onChange={(event) => setRepeat(event.target.value as Repeat)}>
            {Object.entries(REPEATS).map(([id, name]) => <option key={id} value={id}>{name}</option>)}
          </select>
        </label>
        {repeat === "cooldown" && <Field label="Pause, minutes" type="number" required min={1} max={43_200} value={minutes} onChange={(event) => setMinutes(event.target.value)} fault={faults.get("cooldown_seconds")} />}
        <Field label="Note (optional)" maxLength={100} value={note} onChange={(event) => setNote(event.target.value)} fault={faults.get("note")} />
      </div>
      {create.isError && <Failure error={create.error} />}
      <div className="row">
        <button className="button primary" disabled={number === null || symbol === "" || create.isPending}>Set the alert</button>
        {create.isSuccess && <span className="muted" role="status">It is set.</span>}
      </div>
      {searching && (
        <Suspense>
          <SearchDialog
            close={() => setSearching(false)}
            choose={(chosen) => {
              setSymbol(chosen);
              setSearching(false);
            }}
          />
        </Suspense>
      )}
    </form>
  );
}
