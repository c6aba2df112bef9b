import { type PointerEvent, useRef } from "react";

import { actOn } from "@/shared/keys/keys";

import { fitting, type Pane, PANES } from "./panes";

const STEP = 10;

interface Props {
  pane: Pane;
  /** What it divides off, as a user calls it. */
  name: string;
  /** The id of that part. */
  controls: string;
  size: number;
  /** Whether the part grows when the edge goes to the right, or down. */
  grows: 1 | -1;
  /** Whether it lies above a part instead of beside it. */
  level?: boolean;
  resize: (size: number) => void;
  reset: () => void;
}

/**
 * The edge of a part of the workspace, to be dragged or moved by the keys of `KEYS.splitter`; a double click resets it.
 * While it is dragged only a style of the workspace changes, `--<pane>`; the size is told when it is let go.
 */
export function Splitter({ pane, name, controls, size, grows, level = false, resize, reset }: Props) {
  const drag = useRef<{ from: number; size: number } | null>(null);
  const { least, most } = PANES[pane];

  function show(node: HTMLElement, wanted: number): void {
    node.closest<HTMLElement>(".workspace")?.style.setProperty(`--${pane}`, `${wanted}px`);
    node.setAttribute("aria-valuenow", String(wanted));
  }
  const place = (event: PointerEvent): number => (level ? event.clientY : event.clientX);
  function wanted(event: PointerEvent): number {
    return drag.current ? fitting(pane, drag.current.size + (place(event) - drag.current.from) * grows) : size;
  }
  function end(event: PointerEvent<HTMLElement>, kept: boolean): void {
    if (!drag.current) return;
    const now = kept ? wanted(event) : size;
    drag.current = null;
    show(event.currentTarget, now);
    if (now !== size) resize(now);
  }

  // From what is shown: a held key is faster than React.
  function step(node: HTMLElement, by: number): void {
    const next = fitting(pane, Number(node.getAttribute("aria-valuenow")) + by * grows);
    show(node, next);
    resize(next);
  }

  return (
    <div
      role="separator" tabIndex={0} className={`splitter of-${pane}`} aria-orientation={level ? "horizontal" : "vertical"} aria-label={`${level ? "Height" : "Width"} of ${name}`} aria-controls={controls}
      aria-valuemin={least} aria-valuemax={most} aria-valuenow={size} title={`Drag to resize ${name}; double click for its first size`}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        drag.current = { from: place(event), size };
      }}
      onPointerMove={(event) => drag.current && show(event.currentTarget, wanted(event))}
      onPointerUp={(event) => end(event, true)} onPointerCancel={(event) => end(event, false)}
      onDoubleClick={reset}
      onKeyDown={(event) => actOn("splitter", event, {
        back: ({ currentTarget }) => step(currentTarget, -STEP), forth: ({ currentTarget }) => step(currentTarget, STEP), least: () => resize(least), most: () => resize(most), reset,
      })}
    />
  );
}
