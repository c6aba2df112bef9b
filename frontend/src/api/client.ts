import { client } from "./generated/client.gen";
import { toApiError } from "./problem";

interface TokenSource {
  /** A usable access token; null when nobody is signed in. Refreshes when the present one ends soon. */
  token(): Promise<string | null>;
  /** The server refused `token`: replace it. Resolves to another one, or null. */
  renew(token: string): Promise<string | null>;
}

/** Point the generated client at this origin and at the session. Call once, before the first request. */
export function configureClient(source: TokenSource): void {
  client.setConfig({
    baseUrl: "",
    auth: async () => (await source.token()) ?? undefined,
    fetch: (input, init) => authorizedFetch(source, input, init),
  });
  client.interceptors.error.use((body, response) => toApiError(body, response as Response | undefined));
}

async function authorizedFetch(source: TokenSource, input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const request = new Request(input, init);
  // A body can be read once; the second try needs its own.
  const again = request.clone();
  const answer = await globalThis.fetch(request);
  const used = bearer(request);
  if (answer.status !== 401 || used === null) return answer;
  const fresh = await source.renew(used);
  if (fresh === null) return answer;
  again.headers.set("Authorization", `Bearer ${fresh}`);
  return globalThis.fetch(again);
}

function bearer(request: Request): string | null {
  const header = request.headers.get("Authorization");
  return header?.startsWith("Bearer ") ? header.slice(7) : null;
}

/** The data of a generated call, or its ApiError thrown. */
export async function data<T>(call: Promise<{ data?: T; error?: unknown; response?: Response }>): Promise<T> {
  let result;
  try {
    result = await call;
  } catch (error) {
    throw toApiError(error, undefined);
  }
  if (result.error !== undefined) throw toApiError(result.error, result.response);
  return result.data as T;
}
