import type { DayView } from "@/api/generated";

import type { Bar } from "./bars";
import { bandOf, type Gap, gapsOf } from "./gaps";
import { PaneLayer, type Target } from "./PaneLayer";

const TILE_PX = 8;

/** Hatches where sessions are not stored, behind everything else. Gaps are looked for when bars or coverage come, not for a tick. */
export class GapLayer extends PaneLayer {
  private gaps: readonly Gap[] = [];
  private days: readonly DayView[] = [];
  private colour = "#888888";
  private tile: HTMLCanvasElement | null = null;

  /** @param found told when the gaps may be others. */
  constructor(private readonly found: (gaps: readonly Gap[]) => void) {
    super("bottom");
  }

  /** The coverage of what is shown; empty for none. */
  set(days: readonly DayView[], bars: readonly Bar[]): void {
    this.days = days;
    this.draw(bars);
  }

  draw(bars: readonly Bar[]): void {
    this.gaps = gapsOf(bars, this.days);
    this.found(this.gaps);
    this.repaint();
  }

  theme(colour: string): void {
    this.colour = colour;
    this.tile = null;
    this.repaint();
  }

  protected paint(target: Target): void {
    const scale = this.host?.chart.timeScale();
    if (!scale || this.gaps.length === 0) return;
    target.useBitmapCoordinateSpace(({ context, mediaSize, bitmapSize, horizontalPixelRatio }) => {
      const { barSpacing } = scale.options();
      const hatch = context.createPattern(this.hatch(), "repeat");
      if (!hatch) return;
      context.fillStyle = hatch;
      for (const gap of this.gaps) {
        const [from, to] = [scale.logicalToCoordinate(gap.from as never), scale.logicalToCoordinate(gap.to as never)];
        if (from === null || to === null) continue;
        const { x, width } = bandOf(gap, from, to, barSpacing);
        if (x + width < 0 || x > mediaSize.width) continue;
        context.fillRect(Math.round(x * horizontalPixelRatio), 0, Math.round(width * horizontalPixelRatio), bitmapSize.height);
      }
    });
  }

  /** One tile of diagonal lines that go on in the next. */
  private hatch(): HTMLCanvasElement {
    if (this.tile) return this.tile;
    const tile = document.createElement("canvas");
    tile.width = tile.height = TILE_PX;
    const context = tile.getContext("2d");
    if (context) {
      context.strokeStyle = this.colour;
      context.globalAlpha = 0.75;
      context.lineWidth = 1;
      context.beginPath();
      for (const shift of [-TILE_PX, 0, TILE_PX]) {
        context.moveTo(shift, TILE_PX);
        context.lineTo(shift + TILE_PX, 0);
      }
      context.stroke();
    }
    this.tile = tile;
    return tile;
  }
}
