/** The token of a link in a mail. It stands behind the `#`, which no browser sends to a server. */
export function mailedToken(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, "")).get("token");
}
