import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useRef } from "react";

import { ApiError } from "@/api/problem";

import { Failure } from "./ui/states";
import { uniqueId } from "./unique";

const TRIES = 5;
const FIRST_PAUSE_MS = 500;

/** What is asked for, under the key by which the server knows that it was asked before. */
interface Asked<W> {
  wanted: W;
  key: string;
}

/** Whether nobody knows what became of a request: its answer was lost, or it is still being worked on. */
export function isUnknown(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 500 || error.code === "request_in_flight");
}

/**
 * Something that must not happen twice, such as an order. While it is not known whether the server has it, the same is
 * sent again under the same key; also when the user, who sees nothing happen, asks for the same once more.
 *
 * @param send the call, with the key as its `Idempotency-Key`.
 */
export function useOnce<W, R>(send: (wanted: W, key: string) => Promise<R>, more: { done?: (result: R) => void; settled?: () => unknown } = {}) {
  const doubtful = useRef<Asked<string> | null>(null);
  const mutation = useMutation({
    mutationFn: ({ wanted, key }: Asked<W>) => send(wanted, key),
    retry: (failures, error) => failures < TRIES && isUnknown(error),
    retryDelay: (failures) => FIRST_PAUSE_MS * 2 ** failures,
    onError: (error, { wanted, key }) => {
      doubtful.current = isUnknown(error) ? { wanted: JSON.stringify(wanted), key } : null;
    },
    onSuccess: (result) => {
      doubtful.current = null;
      more.done?.(result);
    },
    onSettled: () => more.settled?.(),
  });
  const { variables, error, failureCount, isPending, mutate } = mutation;
  return {
    result: mutation.data,
    error,
    pending: isPending,
    checking: isPending && failureCount > 0,
    ask: (wanted: W): void => {
      const same = doubtful.current?.wanted === JSON.stringify(wanted) ? doubtful.current.key : null;
      mutate({ wanted, key: same ?? uniqueId() });
    },
    /** Ask for the same once more. */
    again: (): void => {
      if (variables) mutate(variables);
    },
  };
}

/** What is to be said of something that must not happen twice: that it is looked into, that nobody knows, or why not. */
export function Doubt({ about, what, see }: { about: Pick<ReturnType<typeof useOnce>, "checking" | "error" | "again" | "pending">; what: string; see: ReactNode }) {
  if (about.checking) return <p className="notice" role="status">Unknown – checking whether {what} arrived …</p>;
  if (about.pending || !about.error) return null;
  if (!isUnknown(about.error)) return <Failure error={about.error} />;
  return (
    <div className="notice error" role="alert">
      <span>It is not known whether {what} arrived; {see} will tell. To check again places nothing twice.</span>
      <button type="button" className="button" onClick={about.again}>Check again</button>
    </div>
  );
}
