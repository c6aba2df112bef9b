import type { IPrimitivePaneView, ISeriesPrimitive, PrimitivePaneViewZOrder, SeriesAttachedParameter, Time } from "lightweight-charts";

export type Target = Parameters<NonNullable<ReturnType<IPrimitivePaneView["renderer"]>>["draw"]>[0];

/** Something that is painted on the pane of the prices, with the chart that it is on. */
export abstract class PaneLayer implements ISeriesPrimitive<Time> {
  /** The chart and its series; null while it is on none. */
  protected host: SeriesAttachedParameter<Time> | null = null;
  private readonly views: readonly IPrimitivePaneView[];

  constructor(order: PrimitivePaneViewZOrder) {
    this.views = [{ zOrder: () => order, renderer: () => ({ draw: (target) => this.paint(target) }) }];
  }

  attached(host: SeriesAttachedParameter<Time>): void {
    this.host = host;
  }

  detached(): void {
    this.host = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.views;
  }

  protected repaint(): void {
    this.host?.requestUpdate();
  }

  protected abstract paint(target: Target): void;
}
