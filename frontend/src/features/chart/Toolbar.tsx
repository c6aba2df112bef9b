import { Menu } from "@base-ui/react/menu";
import { Camera, ChartSpline } from "lucide-react";

import { type Study, type StudyKind, studyName } from "./indicators";

export const INTERVALS = ["1s", "5s", "1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"] as const;
export const STREAMED: ReadonlySet<string> = new Set(INTERVALS.filter((interval) => interval !== "1w" && interval !== "1M"));

const OFFERED: Record<StudyKind, number> = { sma: 20, ema: 20, rsi: 14 };
const LONGEST = 500;

interface Props {
  interval: string;
  studies: readonly Study[];
  setInterval: (interval: string) => void;
  setStudies: (studies: Study[]) => void;
  screenshot: () => void;
}

export function Toolbar({ interval, studies, setInterval, setStudies, screenshot }: Props) {
  function setLength(index: number, length: number): void {
    if (!Number.isInteger(length) || length < 2 || length > LONGEST) return;
    setStudies(studies.map((study, i) => (i === index ? { ...study, length } : study)));
  }
  return (
    <div className="toolbar" role="toolbar" aria-label="Chart">
      <div className="intervals" role="group" aria-label="Interval">
        {INTERVALS.map((name) => (
          <button key={name} type="button" className="button quiet" aria-pressed={name === interval} onClick={() => setInterval(name)}>{name}</button>
        ))}
      </div>
      <Menu.Root>
        <Menu.Trigger className="button quiet"><ChartSpline size={15} aria-hidden /> Indicators</Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner sideOffset={4} style={{ zIndex: 12 }}>
            <Menu.Popup className="menu">
              {(Object.keys(OFFERED) as StudyKind[]).map((kind) => (
                <Menu.Item key={kind} disabled={studies.some((s) => s.kind === kind && s.length === OFFERED[kind])} onClick={() => setStudies([...studies, { kind, length: OFFERED[kind] }])}>
                  Add {kind.toUpperCase()} {OFFERED[kind]}
                </Menu.Item>
              ))}
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      {studies.map((study, index) => (
        <span key={`${study.kind}${index}`} className="study">
          {study.kind.toUpperCase()}
          <input
            type="number" min={2} max={LONGEST} value={study.length} aria-label={`Length of ${studyName(study)}`}
            onChange={(event) => setLength(index, event.target.valueAsNumber)}
          />
          <button type="button" aria-label={`Remove ${studyName(study)}`} onClick={() => setStudies(studies.filter((_, i) => i !== index))}>×</button>
        </span>
      ))}
      <button type="button" className="button quiet icon" aria-label="Save a picture of the chart" onClick={screenshot}><Camera size={15} aria-hidden /></button>
    </div>
  );
}
