import { Bell, Camera, ChartSpline, GitCompareArrows, Layers2, ListOrdered } from "lucide-react";
import { useState } from "react";
import { Link } from "react-router";

import { INTERVALS, type useLayouts } from "./layout";
import { LayoutMenu } from "./LayoutMenu";
import { LineMenu } from "./LineMenu";
import type { MovableLine } from "./MarkLayer";
import { StudyDialog } from "./StudyDialog";
import { type Catalogue, titleOf } from "./studies";

interface Props {
  layouts: ReturnType<typeof useLayouts>;
  catalogue: Catalogue;
  /** Whether this instrument has open interest. */
  hasInterest: boolean;
  compare: () => void;
  screenshot: () => void;
  /** What of the history is not stored, in words; empty when nothing. */
  lacking: string;
  symbol: string;
  orders: readonly MovableLine[];
  alerts: readonly MovableLine[];
  /** Ask for another price of an order or an alert. */
  change: (line: MovableLine) => void;
}

export function Toolbar({ layouts, catalogue, hasInterest, compare, screenshot, lacking, symbol, orders, alerts, change: changeLine }: Props) {
  const [choosing, setChoosing] = useState(false);
  const { layout, change } = layouts;
  return (
    <div className="toolbar" role="toolbar" aria-label="Chart">
      <div className="intervals" role="group" aria-label="Interval">
        {INTERVALS.map((name) => (
          <button key={name} type="button" className="button quiet" aria-pressed={name === layout.interval} onClick={() => change({ interval: name })}>{name}</button>
        ))}
      </div>
      <span className="tools">
        <button type="button" className="button quiet" onClick={() => setChoosing(true)}><ChartSpline size={15} aria-hidden /> Indicators</button>
        <button type="button" className="button quiet icon" title="Compare with another instrument" aria-label="Compare with another instrument" onClick={compare}>
          <GitCompareArrows size={15} aria-hidden />
        </button>
        {hasInterest && (
          <button type="button" className="button quiet icon" aria-pressed={layout.interest} title="Open interest" aria-label="Open interest" onClick={() => change({ interest: !layout.interest })}>
            <Layers2 size={15} aria-hidden />
          </button>
        )}
        {orders.length > 0 && <LineMenu title="Working orders" Icon={ListOrdered} lines={orders} change={changeLine} />}
        {alerts.length > 0 && <LineMenu title="Alert lines" Icon={Bell} lines={alerts} change={changeLine} />}
        <LayoutMenu layouts={layouts} />
        <button type="button" className="button quiet icon" title="Save a picture of the chart" aria-label="Save a picture of the chart" onClick={screenshot}><Camera size={15} aria-hidden /></button>
      </span>
      <span className="chips">
        {layout.studies.map((study) => (
          <span key={study.id} className="chip">
            <button type="button" aria-label={`Change ${titleOf(study)}`} onClick={() => setChoosing(true)}>{titleOf(study)}</button>
            <button type="button" aria-label={`Remove ${titleOf(study)}`} onClick={() => change({ studies: layout.studies.filter(({ id }) => id !== study.id) })}>×</button>
          </span>
        ))}
        {layout.compare && (
          <span className="chip">
            <button type="button" onClick={compare}>vs {layout.compare}</button>
            <button type="button" aria-label={`Do not compare with ${layout.compare}`} onClick={() => change({ compare: null })}>×</button>
          </span>
        )}
        {lacking && <Link className="lacking muted" to={`/instrument/${encodeURIComponent(symbol)}`} title="See and fetch what is not stored">{lacking}</Link>}
      </span>
      {choosing && <StudyDialog catalogue={catalogue} studies={layout.studies} change={(studies) => change({ studies })} close={() => setChoosing(false)} />}
    </div>
  );
}
