import { useState } from "react";

interface Props {
  label: string;
  value: number;
  commit: (value: number) => void;
}

/** A price that is taken over with Enter or when the field is left. */
export function PriceField({ label, value, commit }: Props) {
  const [text, setText] = useState(String(value));
  function take(): void {
    const next = Number(text);
    if (text.trim() !== "" && Number.isFinite(next) && next !== value) commit(next);
    else setText(String(value));
  }
  return (
    <input
      className="pricefield num" inputMode="decimal" aria-label={label} value={text} onChange={(event) => setText(event.target.value)} onBlur={take}
      onKeyDown={(event) => {
        // The chart would take these keys for the selected drawing.
        event.stopPropagation();
        if (event.key === "Enter") take();
      }}
    />
  );
}
