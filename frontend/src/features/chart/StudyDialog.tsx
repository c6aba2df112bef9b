import { useState } from "react";

import { Modal } from "@/shared/ui/Modal";

import { type Catalogue, newStudy, offered, type Study, titleOf } from "./studies";
import { StudyForm } from "./StudyForm";

interface Props {
  catalogue: Catalogue;
  studies: readonly Study[];
  change: (studies: Study[]) => void;
  close: () => void;
}

const MOST = 8;

/** Which indicators are on the chart, with their parameters, and the whole catalogue to add from. */
export function StudyDialog({ catalogue, studies, change, close }: Props) {
  const [text, setText] = useState("");
  const found = offered(catalogue, text);
  const full = studies.length >= MOST;
  return (
    <Modal title="Indicators" className="studies" close={close}>
      {studies.length > 0 && (
        <ul className="active" aria-label="On the chart">
          {studies.map((study) => {
            const view = catalogue.get(study.name);
            return (
              <li key={study.id}>
                <b title={view?.title}>{titleOf(study)}</b>
                {view && <StudyForm study={study} view={view} change={(next) => change(studies.map((now) => (now.id === study.id ? next : now)))} />}
                <button type="button" className="button" aria-label={`Take ${titleOf(study)} off the chart`} onClick={() => change(studies.filter(({ id }) => id !== study.id))}>Remove</button>
              </li>
            );
          })}
        </ul>
      )}
      <input type="search" autoFocus aria-label="Search indicators" placeholder={`Search ${catalogue.size} indicators`} value={text} onChange={(event) => setText(event.target.value)} />
      {full && <p className="muted">A chart takes {MOST} indicators. Remove one to add another.</p>}
      {found.length === 0 && <p className="muted">No indicator is called “{text}”.</p>}
      <ul className="offered" aria-label="Catalogue" tabIndex={0}>
        {found.map((view) => (
          <li key={view.name}>
            <button type="button" disabled={full} onClick={() => change([...studies, newStudy(view, studies)])}>
              <b>Add {view.name.toUpperCase().replaceAll("_", " ")}</b>
              <span className="grow">{view.title}</span>
              <span className="muted">{view.overlay ? "on prices" : "pane"}</span>
            </button>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
