import { useState } from "react";

/** Copies `text`; where the browser does not let the page, it says so, and the text is there to be selected. */
export function CopyButton({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  async function copy(): Promise<void> {
    try {
      // Missing on a page that came over plain HTTP from another machine.
      const clipboard = navigator.clipboard as Clipboard | undefined;
      if (!clipboard) throw new Error("no clipboard here");
      await clipboard.writeText(text);
      setSaid("Copied.");
    } catch {
      setSaid("The browser does not allow it here: select the text and copy it by hand.");
    }
  }
  return (
    <>
      <button type="button" className="button" onClick={() => void copy()}>Copy</button>
      <span aria-live="polite" className="muted">{said}</span>
    </>
  );
}
