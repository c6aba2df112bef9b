const BROWSERS: [RegExp, string][] = [[/Edg\//, "Edge"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"]];
const SYSTEMS: [RegExp, string][] = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/Linux/, "Linux"]];

/** "Chrome on Linux" for what a browser calls itself; the text itself for other programs. */
export function browserName(agent: string | null): string {
  if (!agent) return "unknown";
  const named = (list: [RegExp, string][]): string | undefined => list.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = named(BROWSERS);
  if (!browser) return agent.slice(0, 60);
  return `${browser} on ${named(SYSTEMS) ?? "another system"}`;
}
