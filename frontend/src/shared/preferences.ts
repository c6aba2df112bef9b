import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { data } from "@/api/client";
import { getPreference, listPreferences, putPreference } from "@/api/generated";

const SETTLE_MS = 800;

/**
 * Something that the server keeps for this user, on every device. A change shows at once and is stored when it settles.
 *
 * @param key null while it is not known yet.
 * @param parse makes a value of whatever is stored; null where nothing is.
 */
export function usePreference<T>(key: string | null, parse: (stored: unknown) => T) {
  const cache = useQueryClient();
  const place = ["preference", key];
  const query = useQuery({
    queryKey: place,
    enabled: key !== null,
    staleTime: Infinity,
    queryFn: async () => {
      const names = await cache.fetchQuery({ queryKey: ["preferences"], queryFn: () => data(listPreferences()), staleTime: Infinity });
      // Asking for what is not there would be an error in the browser's console each time.
      return names.items.some((item) => item.key === key) ? data(getPreference({ path: { key: key ?? "" } })) : null;
    },
  });
  const store = useMutation({
    scope: { id: `preference ${key}` },
    mutationFn: (change: { key: string; value: unknown }) => data(putPreference({ path: { key: change.key }, body: change.value as never })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["preferences"] }),
  });
  const due = useRef<{ timer: ReturnType<typeof setTimeout>; send: (last?: boolean) => void } | null>(null);
  // What was changed just before leaving is stored at once: when the component goes, and when the page does.
  useEffect(() => {
    const flush = (last: boolean): void => {
      if (!due.current) return;
      clearTimeout(due.current.timer);
      due.current.send(last);
    };
    const leave = (): void => flush(true);
    window.addEventListener("pagehide", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      flush(false);
    };
  }, [key]);

  function change(value: T): void {
    if (key === null) return;
    cache.setQueryData(place, value);
    if (due.current) clearTimeout(due.current.timer);
    const send = (last = false): void => {
      due.current = null;
      // A page that goes waits for no turn, and an ordinary request would be cancelled with it.
      if (last) void putPreference({ path: { key }, body: value as never, keepalive: true });
      else store.mutate({ key, value });
    };
    due.current = { send, timer: setTimeout(send, SETTLE_MS) };
  }

  return { value: parse(query.data ?? null), ready: query.isFetched || query.isError, error: query.error ?? store.error, change };
}
