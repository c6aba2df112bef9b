import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { data } from "@/api/client";
import { type AlertView, changeAlert, deleteAlert, listAlerts } from "@/api/generated";
import { price } from "@/shared/format/numbers";

export type Condition = AlertView["condition"];
export type Repeat = AlertView["repeat"];

export const CONDITIONS: Readonly<Record<Condition, string>> = {
  crosses_above: "rises to",
  crosses_below: "falls to",
  crosses: "crosses",
  moves_percent: "moves by percent",
  volume_above: "has a volume of",
};

export const REPEATS: Readonly<Record<Repeat, string>> = { once: "Once", every: "Every time", cooldown: "Every time, with a pause" };

/** Numbers as a person types them, to what the API takes: digits and a point. Null for what is no number above 0. */
export function levelOf(text: string): string | null {
  const plain = text.replaceAll(/[\s,₹%]/g, "");
  return /^\d{1,13}(\.\d{1,6})?$/.test(plain) && Number(plain) > 0 ? plain : null;
}

/** "rises to 1,500.00"; "moves by 2 % from 1,480.00". */
export function sentence({ condition, value, base }: Pick<AlertView, "condition" | "value" | "base">): string {
  const number = Number(value);
  if (condition === "moves_percent") return `moves by ${value} % from ${base === null ? "the last close" : price(Number(base))}`;
  if (condition === "volume_above") return `has a volume of ${price(number, 0)}`;
  return `${CONDITIONS[condition]} ${price(number, Math.max(2, value.split(".")[1]?.length ?? 0))}`;
}

/** The prices that active alerts watch, for lines on a chart: of those that watch a price. */
export function watchedPrices(alerts: readonly AlertView[]): { id: string; price: string }[] {
  const ofPrices = alerts.filter(({ state, condition }) => state === "active" && condition.startsWith("crosses"));
  return ofPrices.map(({ id, value }) => ({ id, price: value }));
}

/** The user's alerts, of one instrument or of all, and what can be done with one. */
export function useAlerts(symbol: string | null) {
  const cache = useQueryClient();
  const list = useQuery({ queryKey: ["alerts", symbol], queryFn: () => data(listAlerts({ query: { symbol, limit: 200 } })), staleTime: 60_000 });
  const onSettled = (): Promise<void> => cache.invalidateQueries({ queryKey: ["alerts"] });
  const change = useMutation({
    mutationFn: ({ id, state }: { id: string; state: "active" | "paused" }) => data(changeAlert({ path: { alert_id: id }, body: { state } })), onSettled,
  });
  const remove = useMutation({ mutationFn: (id: string) => data(deleteAlert({ path: { alert_id: id } })), onSettled });
  const alerts: readonly AlertView[] = list.data?.items ?? [];
  return { list, alerts, change, remove, failed: list.error ?? change.error ?? remove.error };
}
