import { DENSITIES, type Density, useDisplay } from "@/shared/display";
import { Failure } from "@/shared/ui/states";
import { setTheme, type Theme, THEMES, useTheme } from "@/shared/ui/theme";

/** How pages look and which keys they take. The theme is this browser's own; the rest goes with the user. */
export default function DisplayPage() {
  const theme = useTheme();
  const { display, change, error } = useDisplay();
  return (
    <section className="panel stack" aria-labelledby="display">
      <h2 id="display">Display</h2>
      {error && <Failure error={error} />}
      <fieldset className="choices">
        <legend>Colours in this browser</legend>
        {(Object.keys(THEMES) as Theme[]).map((name) => (
          <label key={name}><input type="radio" name="theme" checked={name === theme} onChange={() => setTheme(name)} /> {THEMES[name]}</label>
        ))}
      </fieldset>
      <fieldset className="choices">
        <legend>Rows of watchlists, option chains and tables</legend>
        {(Object.keys(DENSITIES) as Density[]).map((name) => (
          <label key={name}><input type="radio" name="density" checked={name === display.density} onChange={() => change({ density: name })} /> {DENSITIES[name]}</label>
        ))}
      </fieldset>
      <p className="muted">On a phone rows stay as high as a finger needs them.</p>
      <fieldset className="choices">
        <legend>Keyboard</legend>
        <label><input type="checkbox" checked={display.characters} onChange={(event) => change({ characters: event.target.checked })} /> Letters and signs (A, /, ?) are shortcuts</label>
      </fieldset>
    </section>
  );
}
