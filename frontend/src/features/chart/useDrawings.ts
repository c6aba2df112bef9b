import { type RefObject, useEffect, useState } from "react";

import { usePreference } from "@/shared/preferences";

import type { ChartHandle } from "./chartHandle";
import { type Anchor, type Drawing, storedDrawings, type Tool } from "./drawings";

const MOST = 200;
// crypto.randomUUID is missing on a page that came over plain HTTP from another machine.
const newId = (): string => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;

/** The user's drawings on one instrument, stored on the server, and the tool in hand. */
export function useDrawings(chart: RefObject<ChartHandle | null>, instrumentId: string | null) {
  const stored = usePreference(instrumentId === null ? null : `chart.drawings.${instrumentId}`, storedDrawings);
  const [tool, setTool] = useState<Tool>(null);
  const [start, setStart] = useState<Anchor | null>(null);
  const [selected, setSelected] = useState<string | null>(null);
  const drawings = stored.value;

  useEffect(() => chart.current?.drawings.set(drawings, selected));

  function choose(next: Tool): void {
    setTool(next === tool ? null : next);
    setStart(null);
    setSelected(null);
    chart.current?.drawings.propose(null);
  }

  function add(drawing: Drawing): void {
    stored.change([...drawings, drawing].slice(-MOST));
    setSelected(drawing.id);
    setTool(null);
    setStart(null);
    chart.current?.drawings.propose(null);
  }

  function remove(id: string): void {
    stored.change(drawings.filter((drawing) => drawing.id !== id));
    setSelected(null);
  }

  return {
    drawings, selected, tool, choose, remove,
    select: setSelected,
    clear: () => stored.change([]),
    replace: (drawing: Drawing) => stored.change(drawings.map((now) => (now.id === drawing.id ? drawing : now))),
    addLevel: (price: number) => add({ id: newId(), kind: "level", price }),
    click: (at: Anchor, hit: string | null) => {
      if (tool === null) setSelected(hit);
      else if (tool === "level") add({ id: newId(), kind: "level", price: at.price });
      else if (start === null) setStart(at);
      else add({ id: newId(), kind: "trend", from: start, to: at });
    },
    move: (at: Anchor) => {
      if (start !== null) chart.current?.drawings.propose({ from: start, to: at });
    },
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
