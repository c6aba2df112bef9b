import { Fragment } from "react";

import { useDisplay } from "@/shared/display";
import { Modal } from "@/shared/ui/Modal";
import { Failure } from "@/shared/ui/states";

import { isCharacter, keyNames, KEYS, type Place, PLACES } from "./keys";
import "./keys.css";

const isMac = (): boolean => /mac|iphone|ipad/i.test(navigator.platform);

/** Every shortcut, by where it works, out of the table by which keys are handled. */
export function KeyMap({ close }: { close: () => void }) {
  const { display, change, error } = useDisplay();
  return (
    <Modal title="Keyboard shortcuts" className="keymap" close={close}>
      <div className="places">
        {(Object.keys(KEYS) as Place[]).map((place) => <KeysOf key={place} place={place} characters={display.characters} />)}
      </div>
      {error && <Failure error={error} />}
      <label className="row"><input type="checkbox" checked={display.characters} onChange={(event) => change({ characters: event.target.checked })} /> Letters and signs are shortcuts</label>
      <p className="muted">Without them, keys with Ctrl or Alt, arrows, Enter, Escape and Delete still work. Where you type, no letter is a shortcut.</p>
    </Modal>
  );
}

function KeysOf({ place, characters }: { place: Place; characters: boolean }) {
  return (
    <section aria-label={PLACES[place]}>
      <h3>{PLACES[place]}</h3>
      <dl>
        {Object.values(KEYS[place]).map(({ keys, does }: { keys: readonly string[]; does: string }) => {
          const active = keys.filter((chord) => characters || !isCharacter(chord));
          return (
            <div key={does}>
              <dt>{does}</dt>
              <dd>
                {active.length === 0 && <span className="muted">off</span>}
                {active.map((chord, i) => <Fragment key={chord}>{i > 0 && " or "}{keyNames(chord, isMac()).map((name) => <kbd key={name}>{name}</kbd>)}</Fragment>)}
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}
