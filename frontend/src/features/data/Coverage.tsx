import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useMemo, useState } from "react";

import { data } from "@/api/client";
import { type DayView, readCoverage, startBackfill } from "@/api/generated";
import { integer } from "@/shared/format/numbers";
import { weekday } from "@/shared/format/time";
import { Failure, Loading } from "@/shared/ui/states";

import { ExportLinks } from "./ExportLinks";
import { heatCells, months } from "./heat";

const WORDS: Record<string, string> = { complete: "complete", partial: "partly there", missing: "missing", holiday: "holiday", not_listed: "not listed" };
const FILLABLE = new Set(["missing", "partial"]);
const CELL = 14;
const DAY = 86_400_000;

function say(day: DayView): string {
  const name = `${weekday(day.day)} ${day.day.slice(0, 4)}`;
  if (day.state === "holiday") return `${name}: holiday${day.reason ? ` (${day.reason})` : ""}`;
  return `${name}: ${WORDS[day.state] ?? day.state}, ${integer(day.bars)} of ${integer(day.expected)} bars`;
}

interface Props {
  symbol: string;
  /** Lets the user look at another instrument; without it, there is only this one. */
  setSymbol?: (symbol: string) => void;
}

/** Which days of an instrument are stored, as a calendar of the last year; a hole can be filled from here. */
export function Coverage({ symbol, setSymbol }: Props) {
  const cache = useQueryClient();
  const [chosen, setChosen] = useState<DayView | null>(null);
  const fill = useMutation({
    mutationFn: (day: string) => {
      const next = new Date(Date.parse(day) + DAY).toISOString().slice(0, 10);
      return data(startBackfill({ body: { symbols: [symbol], interval: "1m", from: day, to: next } }));
    },
    onSuccess: () => {
      setChosen(null);
      void cache.invalidateQueries({ queryKey: ["backfills"] });
    },
  });
  const coverage = useQuery({
    queryKey: ["coverage", symbol],
    queryFn: () => data(readCoverage({ path: { symbol }, query: { interval: "1m" } })),
  });
  const cells = useMemo(() => heatCells(coverage.data?.days ?? []), [coverage.data]);
  const count = (state: string): number => coverage.data?.days.filter((day) => day.state === state).length ?? 0;
  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const wanted = String(new FormData(event.currentTarget).get("symbol") ?? "").trim().toUpperCase();
    if (wanted) setSymbol?.(wanted);
  }
  const columns = (cells.at(-1)?.column ?? 0) + 1;
  return (
    <section className="panel stack" aria-label="Coverage">
      <div className="row">
        <h2 className="grow">Coverage of {symbol}, 1-minute bars</h2>
        {setSymbol && (
          <form className="row" key={symbol} onSubmit={submit}>
            <span className="field"><input name="symbol" aria-label="Instrument of the coverage" defaultValue={symbol} spellCheck={false} /></span>
            <button className="button">Show</button>
          </form>
        )}
      </div>
      {coverage.isPending && <Loading />}
      {coverage.isError && <Failure error={coverage.error} retry={() => void coverage.refetch()} />}
      {coverage.isSuccess && (
        <>
          <p className="muted">{integer(count("complete"))} days complete, {integer(count("partial"))} partly there, {integer(count("missing"))} missing. Choose a day for its count.</p>
          <div className="scroll-x" tabIndex={0} role="group" aria-label="Calendar">
            <svg className="heat" width={columns * CELL + 34} height={7 * CELL + 18} role="img" aria-label={`Coverage of ${symbol} in the last year`}>
              <defs>
                <pattern id="missing" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0V4" className="hatch" /></pattern>
              </defs>
              {months(cells).map(({ name, column }) => <text key={column} x={column * CELL + 30} y="10">{name}</text>)}
              {["Mon", "", "Wed", "", "Fri"].map((name, row) => <text key={row} x="0" y={row * CELL + 27}>{name}</text>)}
              {cells.map(({ day, column, row, step }) => (
                <rect
                  key={day.day} x={column * CELL + 30} y={row * CELL + 16} width={CELL - 2} height={CELL - 2} rx="2"
                  className={`step-${step ?? "none"}${chosen?.day === day.day ? " chosen" : ""}`} onClick={() => setChosen(day)}
                ><title>{say(day)}</title></rect>
              ))}
            </svg>
          </div>
          <div className="row muted">
            <span className="key missing" /> missing <span className="key partial" /> partly <span className="key complete" /> complete <span className="key none" /> holiday
            {chosen && <b role="status">{say(chosen)}</b>}
            {chosen && FILLABLE.has(chosen.state) && (
              <button type="button" className="button" disabled={fill.isPending} onClick={() => fill.mutate(chosen.day)}>Fetch this day</button>
            )}
          </div>
          {fill.isError && <Failure error={fill.error} />}
          <ExportLinks symbol={symbol} interval="1m" />
        </>
      )}
    </section>
  );
}
