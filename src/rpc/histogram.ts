/** Counts values by upper bounds. One observation costs a short search and no memory. */
export class Histogram {
  /** Upper bounds, ascending, inclusive. */
  readonly bounds: readonly number[];
  /** Values per bound, not added up, and those above all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index += 1;
    counts[index] = (counts[index] as number) + 1;
    this.sum += value;
  }
}
