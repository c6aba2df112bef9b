import { Popover } from "@base-ui/react/popover";
import { Ellipsis, Plus } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";

import { actOn } from "@/shared/keys/keys";

import type { useWatchlists } from "./watchlist";

const LONGEST = 40;

/** Choose between the lists (Alt+1 to Alt+9 from anywhere), and make, rename and delete them. */
export function WatchlistTabs({ watchlists }: { watchlists: ReturnType<typeof useWatchlists> }) {
  const { lists, current, choose, create } = watchlists;
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      const list = lists[Number(event.code.slice(-1)) - 1];
      actOn("workspace", event, { list: () => (list ? choose(list.id) : false) });
    }
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  return (
    <div className="lists">
      <div className="names" role="group" aria-label="Watchlists">
        {lists.map((list, i) => (
          <button key={list.id ?? "first"} type="button" className="button quiet" aria-pressed={list.id === current.id} title={i < 9 ? `Alt+${i + 1}` : undefined} onClick={() => choose(list.id)}>{list.name}</button>
        ))}
      </div>
      <button type="button" className="button quiet icon" aria-label="New watchlist" title="New watchlist" onClick={() => create("List")}><Plus size={15} aria-hidden /></button>
      <Popover.Root>
        <Popover.Trigger className="button quiet icon" aria-label={`Change ${current.name}`}><Ellipsis size={15} aria-hidden /></Popover.Trigger>
        <Popover.Portal>
          <Popover.Positioner sideOffset={4} style={{ zIndex: 12 }}>
            <Popover.Popup className="menu listform">
              <Popover.Title render={<h2 />}>{current.name}</Popover.Title>
              <Rename key={`${current.id}${current.name}`} watchlists={watchlists} />
            </Popover.Popup>
          </Popover.Positioner>
        </Popover.Portal>
      </Popover.Root>
    </div>
  );
}

function Rename({ watchlists: { current, rename, remove, lists } }: { watchlists: ReturnType<typeof useWatchlists> }) {
  const [name, setName] = useState(current.name);
  const taken = lists.some((list) => list.id !== current.id && list.name === name.trim());
  function submit(event: FormEvent): void {
    event.preventDefault();
    if (name.trim() !== "" && !taken) rename(name.trim());
  }
  return (
    <form className="stack" onSubmit={submit}>
      <div className="field">
        <label htmlFor="listname">Name</label>
        <input id="listname" maxLength={LONGEST} value={name} aria-invalid={taken || undefined} onChange={(event) => setName(event.target.value)} />
        {taken && <span className="fault">Another list has this name.</span>}
      </div>
      <div className="row">
        <button type="submit" className="button primary">Rename</button>
        {current.id !== null && <button type="button" className="button" onClick={remove}>Delete this list</button>}
      </div>
    </form>
  );
}
