import { type RefObject, useEffect, useState } from "react";

import { usePreference } from "@/shared/preferences";
import { uniqueId } from "@/shared/unique";

import type { ChartHandle } from "./chartHandle";
import type { DrawingEvent } from "./DrawingPointer";
import { type Anchor, type Drawing, type Shape, storedDrawings, type Tool } from "./drawings";
import { storedHabits } from "./habits";
import { type History, recorded, redone, undone, UNTOUCHED } from "./history";
import { figureWords, measured } from "./measure";

const MOST = 200;
const TWO_POINTS = "Click where it begins, then where it ends, or drag. Escape cancels.";
const HINTS: Readonly<Record<Tool, string>> = {
  level: "Click a price for the level. Escape cancels.",
  text: "Click where the note begins. Escape cancels.",
  trend: TWO_POINTS, ray: TWO_POINTS, rectangle: TWO_POINTS, fib: TWO_POINTS, measure: TWO_POINTS,
};

/** A note that is being written: a new one at a place, or one that is there. */
type Writing = { text: ""; at: Anchor } | { text: string; id: string };

/** The user's drawings on one instrument, stored on the server, and the tool in hand. */
export function useDrawings(chart: RefObject<ChartHandle | null>, instrumentId: string | null, decimals: number) {
  const stored = usePreference(instrumentId === null ? null : `chart.drawings.${instrumentId}`, storedDrawings);
  const kept = usePreference("chart.drawing", storedHabits);
  const [tool, setTool] = useState<Tool | null>(null);
  const [chosen, setSelected] = useState<string | null>(null);
  const [history, setHistory] = useState<History<Drawing[]>>(UNTOUCHED);
  const [writing, setWriting] = useState<Writing | null>(null);
  const [figures, setFigures] = useState("");
  const drawings = stored.value;
  const { magnet, locked } = kept.value;
  const selected = !locked && drawings.some(({ id, hidden }) => id === chosen && !hidden) ? chosen : null;

  useEffect(() => {
    chart.current?.drawings.set(drawings, selected);
    chart.current?.pointer.take({ tool, magnet, locked });
  });

  function save(next: Drawing[]): void {
    setHistory(recorded(history, drawings));
    stored.change(next);
  }

  /** False when there is nothing to go to. */
  function go(step: ReturnType<typeof undone<Drawing[]>>): boolean {
    if (!step || locked) return false;
    setHistory(step.history);
    stored.change(step.value);
    return true;
  }

  function choose(next: Tool | null): void {
    setTool(next === tool ? null : next);
    setSelected(null);
  }

  function add(shape: Shape): void {
    const id = uniqueId();
    save([...drawings, { id, ...shape }].slice(-MOST));
    setSelected(id);
    setTool(null);
  }

  function remove(id: string): void {
    if (!locked) save(drawings.filter((drawing) => drawing.id !== id));
  }

  function replace(drawing: Drawing): void {
    if (!locked) save(drawings.map((now) => (now.id === drawing.id ? drawing : now)));
  }

  function toggleHidden({ hidden, ...drawing }: Drawing): void {
    save(drawings.map((now) => (now.id === drawing.id ? { ...drawing, ...(!hidden && { hidden: true }) } : now)));
  }

  function take(event: DrawingEvent): void {
    switch (event.type) {
      case "draw":
        return add(event.shape);
      case "select":
        return setSelected(event.id);
      case "change":
        replace(event.drawing);
        return setSelected(event.drawing.id);
      case "note":
        setWriting({ text: "", at: event.at });
        return setTool(null);
      case "measure":
        setFigures(event.ruler ? figureWords(measured(event.ruler, chart.current?.bars ?? []), decimals).join(", ") : "");
        if (event.ruler) setTool(null);
    }
  }

  function write(text: string): void {
    if (writing && "at" in writing) add({ kind: "text", at: writing.at, text });
    else replaceText(text);
    setWriting(null);
  }

  function replaceText(text: string): void {
    const note = drawings.find((drawing) => writing && "id" in writing && drawing.id === writing.id);
    if (note?.kind === "text") replace({ ...note, text });
  }

  return {
    drawings, selected, tool, writing, magnet, locked, choose, remove, replace, take, write, toggleHidden,
    /** Before it is known what is stored, a drawing would take its place. */
    ready: stored.ready,
    failed: stored.error !== null,
    hint: tool ? HINTS[tool] : figures !== "" ? `${figures}. A click or Escape takes it away.` : selected ? "Drag it or its handles. Delete removes it." : "",
    select: setSelected,
    canUndo: !locked && history.past.length > 0,
    canRedo: !locked && history.future.length > 0,
    /** False when there is nothing to take back. */
    undo: () => go(undone(history, drawings)),
    /** False when nothing was taken back. */
    redo: () => go(redone(history, drawings)),
    toggle: (habit: "magnet" | "locked") => kept.change({ ...kept.value, [habit]: !kept.value[habit] }),
    clear: () => !locked && save([]),
    addLevel: (price: number) => add({ kind: "level", price }),
    changeNote: ({ id, text }: { id: string; text: string }) => setWriting({ id, text }),
    leaveNote: () => setWriting(null),
    /** Put the tool down and select nothing; false when there was neither. */
    cancel: (): boolean => {
      const had = tool !== null || selected !== null;
      if (had) choose(null);
      return had;
    },
    /** False when nothing is selected. */
    removeSelected: (): boolean => {
      if (selected !== null) remove(selected);
      return selected !== null;
    },
  };
}
