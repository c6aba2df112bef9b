import { useState } from "react";

import type { IndicatorView } from "@/api/generated";

import { type Study, titleOf, withParameter } from "./studies";

interface Props {
  study: Study;
  view: IndicatorView;
  change: (study: Study) => void;
}

/** The parameters of one study. What the catalogue does not allow is marked, and the chart keeps the last good value. */
export function StudyForm({ study, view, change }: Props) {
  const [typed, setTyped] = useState<Readonly<Record<number, string>>>({});
  return (
    <span className="parameters">
      {view.parameters.map((rule, i) => {
        const text = typed[i] ?? String(study.parameters[i] ?? rule.default);
        const bad = text.trim() === "" || withParameter(study, view, i, Number(text)) === null;
        return (
          <label key={rule.name}>
            {rule.name.replaceAll("_", " ")}
            <input
              type="number" inputMode="decimal" min={rule.minimum} max={rule.maximum} step={rule.whole ? 1 : "any"} value={text}
              aria-label={`${rule.name} of ${titleOf(study)}`} aria-invalid={bad || undefined} title={`${rule.minimum} to ${rule.maximum}`}
              onChange={(event) => {
                setTyped({ ...typed, [i]: event.target.value });
                const next = event.target.value.trim() === "" ? null : withParameter(study, view, i, Number(event.target.value));
                if (next) change(next);
              }}
            />
          </label>
        );
      })}
    </span>
  );
}
