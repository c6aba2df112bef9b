import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { MemoryRouter } from "react-router";

import { client } from "@/api/generated/client.gen";

/** A call that reached the fake API. */
export interface Call {
  method: string;
  path: string;
  body: unknown;
  /** The `Idempotency-Key`, of calls that have one. */
  key?: string;
}

/**
 * An API for the tests of components: answers by "METHOD /path" with a value or a problem's status.
 *
 * @returns every call, in order.
 */
export function fakeApi(answers: Record<string, unknown>): Call[] {
  const calls: Call[] = [];
  client.setConfig({
    baseUrl: "http://test.invalid",
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const text = await request.text();
      const { pathname } = new URL(request.url);
      const key = request.headers.get("Idempotency-Key");
      calls.push({ method: request.method, path: pathname, body: text === "" ? null : (JSON.parse(text) as unknown), ...(key && { key }) });
      const answer = answers[`${request.method} ${pathname}`];
      if (answer === undefined) return Response.json({ code: "route_not_found", detail: "Not here.", request_id: "r" }, { status: 404 });
      return answer instanceof Response ? answer.clone() : Response.json(answer);
    },
  });
  return calls;
}

/** `element` in a page, with what the app provides around it. */
export async function render(element: ReactNode): Promise<{ page: HTMLElement; root: Root }> {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  const page = document.body.appendChild(document.createElement("div"));
  const root = createRoot(page);
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  await act(async () => root.render(<QueryClientProvider client={cache}><MemoryRouter>{element}</MemoryRouter></QueryClientProvider>));
  return { page, root };
}

/** Let answers come and be drawn until `holds`. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 20_000; !holds(); ) {
    if (Date.now() > end) throw new Error(`${what} did not come:\n${document.body.innerHTML}`);
    await act(async () => void (await new Promise((done) => setTimeout(done, 5))));
  }
}

/** Choose `value` in a select, or type it into an input, as a user does. */
export async function enter(field: Element | null, value: string): Promise<void> {
  if (!(field instanceof HTMLSelectElement || field instanceof HTMLInputElement)) throw new Error("there is no such field");
  await act(async () => {
    const kind = field instanceof HTMLSelectElement ? HTMLSelectElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, "value")?.set?.call(field, value);
    field.dispatchEvent(new Event(field instanceof HTMLSelectElement ? "change" : "input", { bubbles: true }));
  });
}

export async function click(target: Element | null | undefined): Promise<void> {
  if (!(target instanceof HTMLElement)) throw new Error("there is nothing to click");
  await act(async () => target.click());
}

/** The button that is called `name`. */
export function button(page: HTMLElement, name: string): HTMLButtonElement | undefined {
  return [...page.querySelectorAll("button")].find((each) => (each.getAttribute("aria-label") ?? each.textContent) === name);
}
