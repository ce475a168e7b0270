/** A binary heap of wake-ups on typed arrays, ordered by (time, order of asking): the total order of a run. */
export class TimerHeap {
  /** Time of the first wake-up, Infinity when empty. */
  minTime = Number.POSITIVE_INFINITY;
  private times = new Float64Array(64);
  private orders = new Float64Array(64);
  private values = new Int32Array(64);
  private size = 0;
  private asked = 0;

  push(time: number, value: number): void {
    if (this.size === this.values.length) this.grow();
    const { times, orders, values } = this;
    const order = this.asked++;
    let i = this.size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // A parent with the same time asked earlier, so it stays above.
      if (times[parent] <= time) break;
      times[i] = times[parent];
      orders[i] = orders[parent];
      values[i] = values[parent];
      i = parent;
    }
    times[i] = time;
    orders[i] = order;
    values[i] = value;
    this.minTime = times[0];
  }

  /** Removes the first wake-up and returns its value. The heap must not be empty. */
  pop(): number {
    const { times, orders, values } = this;
    const first = values[0];
    const n = --this.size;
    if (n === 0) {
      this.minTime = Number.POSITIVE_INFINITY;
      return first;
    }
    const time = times[n];
    const order = orders[n];
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      const right = child + 1;
      if (
        right < n &&
        (times[right] < times[child] || (times[right] === times[child] && orders[right] < orders[child]))
      ) {
        child = right;
      }
      if (time < times[child] || (time === times[child] && order < orders[child])) break;
      times[i] = times[child];
      orders[i] = orders[child];
      values[i] = values[child];
      i = child;
    }
    times[i] = time;
    orders[i] = order;
    values[i] = values[n];
    this.minTime = times[0];
    return first;
  }

  private grow(): void {
    const capacity = this.values.length * 2;
    const copy = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.times = copy(this.times, new Float64Array(capacity));
    this.orders = copy(this.orders, new Float64Array(capacity));
    this.values = copy(this.values, new Int32Array(capacity));
  }
}
