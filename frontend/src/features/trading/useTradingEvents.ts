import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { onMessage, useChannels } from "@/realtime/stream";

const ABOUT_TRADING = ["orders", "trades", "positions", "holdings", "trading-accounts"];

/** Ask again for what an order, a fill or a position changed, when the stream says so. */
export function useTradingEvents(): void {
  const cache = useQueryClient();
  useChannels(["orders"]);
  useEffect(() => {
    const changed = (): void => {
      for (const key of ABOUT_TRADING) void cache.invalidateQueries({ queryKey: [key] });
    };
    const stops = [onMessage("order", changed), onMessage("trade", changed), onMessage("position", changed)];
    return () => stops.forEach((stop) => stop());
  }, [cache]);
}
