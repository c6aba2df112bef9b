/** Read a JSON value that this app stored; null when it is absent, unreadable, or storage is blocked. */
export function load(key: string): unknown {
  try {
    const text = localStorage.getItem(key);
    return text === null ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

/** Store a JSON value. A full or blocked storage loses it silently: what is kept here is a convenience. */
export function save(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    return;
  }
}
