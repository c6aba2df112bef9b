import type { DepthMessage, TickMessage } from "./protocol";

/** The fields of a tick that are shown. Unknown is NaN, never zero. */
export const FIELDS = [
  "ltp", "ltq", "bid", "bid_qty", "ask", "ask_qty", "open", "high", "low", "prev_close", "change_pct", "volume",
  "avg_price", "oi", "buy_qty", "sell_qty", "lower_band", "upper_band", "ltt", "ts",
] as const;
export type Field = (typeof FIELDS)[number];

/** Fields in which the broker writes 0 for what there is not (yet): nothing costs nothing. */
const PRICES: ReadonlySet<Field> = new Set(["ltp", "bid", "ask", "open", "high", "low", "prev_close", "avg_price", "lower_band", "upper_band"]);

/** Something on the screen that shows one instrument. */
export interface Cell {
  /** Called at most once a frame, after the instrument's values have changed. */
  update(): void;
}

type Frames = (callback: () => void) => void;

/**
 * The newest tick of each instrument, outside React.
 *
 * A tick writes numbers into typed arrays and marks its instrument; one animation frame later the cells of the marked
 * instruments are told. A hidden page gets no frames: it keeps the latest values and shows them when it returns.
 */
export class TickStore {
  private readonly slots = new Map<string, number>();
  private readonly columns = new Map<Field, Float64Array<ArrayBuffer>>();
  private readonly cells: Set<Cell>[] = [];
  private readonly depths = new Map<string, DepthMessage>();
  private readonly depthCells = new Map<string, Set<Cell>>();
  private readonly dirty = new Set<number>();
  private readonly dirtyDepths = new Set<string>();
  private capacity = 64;
  private waiting = false;

  constructor(private readonly nextFrame: Frames = (callback) => requestAnimationFrame(callback)) {
    for (const field of FIELDS) this.columns.set(field, new Float64Array(this.capacity).fill(NaN));
  }

  get(symbol: string, field: Field): number {
    const slot = this.slots.get(symbol);
    return slot === undefined ? NaN : (this.columns.get(field)?.[slot] ?? NaN);
  }

  depth(symbol: string): DepthMessage | undefined {
    return this.depths.get(symbol);
  }

  writeTick(tick: Partial<TickMessage> & { symbol: string }): void {
    const slot = this.slot(tick.symbol);
    for (const field of FIELDS) {
      const column = this.columns.get(field);
      const value = tick[field] ?? NaN;
      if (column) column[slot] = value === 0 && PRICES.has(field) ? NaN : value;
    }
    this.dirty.add(slot);
    this.wake();
  }

  writeDepth(depth: DepthMessage): void {
    this.depths.set(depth.symbol, depth);
    this.dirtyDepths.add(depth.symbol);
    this.wake();
  }

  /** Tell `cell` of changes of `symbol` until the returned function is called. */
  watch(symbol: string, cell: Cell): () => void {
    const watchers = this.cells[this.slot(symbol)];
    watchers?.add(cell);
    return () => watchers?.delete(cell);
  }

  watchDepth(symbol: string, cell: Cell): () => void {
    const watchers = this.depthCells.get(symbol) ?? new Set<Cell>();
    this.depthCells.set(symbol, watchers);
    watchers.add(cell);
    return () => {
      watchers.delete(cell);
      if (watchers.size === 0 && this.depthCells.get(symbol) === watchers) this.depthCells.delete(symbol);
    };
  }

  /** Forget everything: another user must not see the last one's prices. */
  clear(): void {
    for (const column of this.columns.values()) column.fill(NaN);
    this.depths.clear();
    for (const slot of this.slots.values()) this.dirty.add(slot);
    for (const symbol of this.depthCells.keys()) this.dirtyDepths.add(symbol);
    this.wake();
  }

  private slot(symbol: string): number {
    const known = this.slots.get(symbol);
    if (known !== undefined) return known;
    const slot = this.slots.size;
    if (slot >= this.capacity) this.grow();
    this.slots.set(symbol, slot);
    this.cells[slot] = new Set();
    return slot;
  }

  private grow(): void {
    this.capacity *= 2;
    for (const [field, column] of this.columns) {
      const larger = new Float64Array(this.capacity).fill(NaN);
      larger.set(column);
      this.columns.set(field, larger);
    }
  }

  private wake(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.nextFrame(() => this.flush());
  }

  private flush(): void {
    this.waiting = false;
    for (const slot of this.dirty) for (const cell of this.cells[slot] ?? []) cell.update();
    this.dirty.clear();
    for (const symbol of this.dirtyDepths) for (const cell of this.depthCells.get(symbol) ?? []) cell.update();
    this.dirtyDepths.clear();
  }
}
