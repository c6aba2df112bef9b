/** How somebody draws, on every instrument. */
export interface Habits {
  /** Points go to the open, high, low or close of a bar that is near. */
  magnet: boolean;
  /** Nothing that is drawn can be moved, changed or deleted. */
  locked: boolean;
}

/** Habits out of stored settings, whoever wrote them. */
export function storedHabits(value: unknown): Habits {
  const stored = value as Partial<Record<keyof Habits, unknown>> | null | undefined;
  return { magnet: stored?.magnet === true, locked: stored?.locked === true };
}
