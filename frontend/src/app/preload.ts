/** The parts of the page that is being opened, asked for together: else each is found only when the one around it has come,
 * which on a slow line is a round trip each. Who fails here is asked for again, and reported, by the page itself. */
export function preload(path: string): void {
  if (path !== "/" && !path.startsWith("/chart/")) return;
  const parts = [import("./Shell"), import("@/features/workspace/Workspace"), import("@/features/chart/ChartPanel")];
  void Promise.allSettled(parts);
}
