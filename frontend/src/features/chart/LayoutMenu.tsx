import { Popover } from "@base-ui/react/popover";
import { LayoutTemplate } from "lucide-react";
import { type FormEvent, useState } from "react";

import { savedAs, type useLayouts, without } from "./layout";

const LONGEST = 40;

/** The user's layouts: choose, save under another name, delete. Changes are stored in the current one by themselves. */
export function LayoutMenu({ layouts: { all, replace, failed } }: { layouts: ReturnType<typeof useLayouts> }) {
  const [name, setName] = useState("");
  function save(event: FormEvent): void {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted === "") return;
    replace(savedAs(all, wanted));
    setName("");
  }
  return (
    <Popover.Root>
      <Popover.Trigger className="button quiet" aria-label={`Layout: ${all.current}`}><LayoutTemplate size={15} aria-hidden /> {all.current}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={4} style={{ zIndex: 12 }}>
          <Popover.Popup className="menu drawings">
            <Popover.Title render={<h2 />}>Layouts</Popover.Title>
            <ul>
              {all.layouts.map((layout) => (
                <li key={layout.name}>
                  <button type="button" className="button quiet grow" aria-pressed={layout.name === all.current} onClick={() => replace({ ...all, current: layout.name })}>
                    {layout.name} <small className="muted">{layout.interval}, {layout.studies.length} indicators</small>
                  </button>
                  {all.layouts.length > 1 && <button type="button" className="button" aria-label={`Delete the layout ${layout.name}`} onClick={() => replace(without(all, layout.name))}>Delete</button>}
                </li>
              ))}
            </ul>
            {failed && <p className="warn">The server has not stored the last change.</p>}
            <form className="row" onSubmit={save}>
              <input aria-label="Name of a new layout" placeholder="Name" maxLength={LONGEST} value={name} onChange={(event) => setName(event.target.value)} />
              <button type="submit" className="button">Save as</button>
            </form>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
