const BYTES = 16;

/** 32 hex digits that nobody has had before. */
export function uniqueId(): string {
  // crypto.randomUUID is missing on a page that came over plain HTTP from another machine, as from one's own network.
  return Array.from(crypto.getRandomValues(new Uint8Array(BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
