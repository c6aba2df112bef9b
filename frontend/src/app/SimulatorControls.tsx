import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { data } from "@/api/client";
import { type ClockChange, listSimulatorDays, moveSimulatorClock, readSimulatorClock } from "@/api/generated";
import { ApiError } from "@/api/problem";
import { isoDay, weekday } from "@/shared/format/time";

const SPEEDS = [1, 2, 5, 10, 30];
const DAYS = 60;
/** The services look at the clock once a second. */
const FOLLOWED_MS = 1_500;

/** Another day, another speed, live or replayed: for whoever develops. Nothing where the server offers none of it. */
export function SimulatorControls() {
  const cache = useQueryClient();
  const options = { staleTime: 60_000, retry: false };
  const clock = useQuery({ queryKey: ["simulator", "clock"], queryFn: () => data(readSimulatorClock()), ...options });
  const days = useQuery({ queryKey: ["simulator", "days"], queryFn: () => data(listSimulatorDays({ query: { limit: DAYS } })), enabled: clock.isSuccess, ...options });
  const move = useMutation({
    mutationFn: (body: ClockChange) => data(moveSimulatorClock({ body })),
    onSuccess: (moved) => {
      cache.setQueryData(["simulator", "clock"], moved);
      // Prices, bars and sessions of another day: everything is asked for anew when the services have heard of it.
      setTimeout(() => void cache.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "simulator" }), FOLLOWED_MS);
    },
  });
  if (!clock.data) return null;
  const { mode, speed, exchange_time: at } = clock.data;
  const today = isoDay(at);
  const listed = days.data?.items ?? [];
  const choices = listed.includes(today) ? listed : [today, ...listed];
  const busy = move.isPending;
  return (
    <span className="simcontrols" role="group" aria-label="Simulator's clock">
      <button type="button" className="button" aria-pressed={mode !== "replay"} disabled={busy} title="As the market: live in its hours, else the last session again" onClick={() => move.mutate({ mode: "auto" })}>Live</button>
      <button type="button" className="button" aria-pressed={mode === "replay"} disabled={busy} title="One day over and over" onClick={() => move.mutate({ mode: "replay" })}>Replay</button>
      <label><span className="sr">Day</span>
        <select value={today} disabled={busy} onChange={(event) => move.mutate({ day: event.target.value })}>
          {choices.map((day) => <option key={day} value={day}>{weekday(`${day}T12:00:00+05:30`)}</option>)}
        </select>
      </label>
      <label><span className="sr">Speed</span>
        <select value={speed} disabled={busy} onChange={(event) => move.mutate({ speed: Number(event.target.value) })}>
          {(SPEEDS.includes(speed) ? SPEEDS : [speed, ...SPEEDS]).map((each) => <option key={each} value={each}>{each}×</option>)}
        </select>
      </label>
      {move.isError && <span className="down" role="alert">{move.error instanceof ApiError ? move.error.message : "That did not work."}</span>}
    </span>
  );
}
