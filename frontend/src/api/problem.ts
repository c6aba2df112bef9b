import type { Problem } from "./generated";

/** What went wrong with a request, in words for people and a code for programs. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when no answer came at all. */
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly requestId: string | null,
    /** Seconds after which another try may help. */
    readonly retryAfter: number | null = null,
    readonly fields: ReadonlyMap<string, string> = new Map(),
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}

/** Turn whatever a failed call left behind into an ApiError. */
export function toApiError(body: unknown, response: Response | undefined): ApiError {
  if (body instanceof ApiError) return body;
  if (!response) {
    return new ApiError(0, "no_connection", "Breezeway did not answer. Check that it runs and that you are online.", null);
  }
  const wait = Number(response.headers.get("Retry-After"));
  const retryAfter = Number.isFinite(wait) && wait > 0 ? wait : null;
  const requestId = response.headers.get("X-Request-ID");
  if (!isProblem(body)) {
    return new ApiError(response.status, "unexpected_answer", `The server answered ${response.status}.`, requestId, retryAfter);
  }
  const fields = new Map((body.errors ?? []).map((field) => [field.field.split(".").at(-1) ?? field.field, field.message]));
  return new ApiError(response.status, body.code, body.detail, body.request_id, retryAfter, fields);
}

/** Whether asking again, unchanged, can succeed. */
export function isTransient(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}
