import { KINDS } from "./kinds";

/** Which kinds of events a program is told of; none chosen means all. */
export function KindChoice({ chosen, choose }: { chosen: ReadonlySet<string>; choose: (kinds: ReadonlySet<string>) => void }) {
  function toggle(kind: string, on: boolean): void {
    const next = new Set(chosen);
    if (on) next.add(kind);
    else next.delete(kind);
    choose(next);
  }
  return (
    <details>
      <summary>{chosen.size === 0 ? "Of every kind of event" : `Of ${chosen.size} kinds of events`}</summary>
      <fieldset className="choices kindchoice">
        <legend className="sr">Kinds of events</legend>
        {Object.entries(KINDS).filter(([kind]) => kind !== "webhook.test").map(([kind, name]) => (
          <label key={kind}><input type="checkbox" checked={chosen.has(kind)} onChange={(event) => toggle(kind, event.target.checked)} /> {name}</label>
        ))}
      </fieldset>
    </details>
  );
}
