/** A binary heap of wake-ups on typed arrays, ordered by (time, order of asking): the total order of a run. */
export class TimerHeap {
  private times = new Float64Array(64);
  private orders = new Float64Array(64);
  private values = new Int32Array(64);
  private size = 0;
  private asked = 0;
  /** the first wake-up was taken and its place is still empty: the next push may fill it */
  private hole = false;

  /** Time of the first wake-up, Infinity when empty. */
  get minTime(): number {
    if (this.hole) this.close();
    return this.size === 0 ? Number.POSITIVE_INFINITY : this.times[0];
  }

  push(time: number, value: number): void {
    const order = this.asked++;
    if (this.hole) {
      // A thread that was woken mostly asks to be woken again: take its old place.
      this.hole = false;
      this.siftDown(time, order, value);
      return;
    }
    if (this.size === this.values.length) this.grow();
    const { times, orders, values } = this;
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
  }

  /** Removes the first wake-up and returns its value. The heap must not be empty. */
  pop(): number {
    if (this.hole) this.close();
    this.hole = true;
    return this.values[0];
  }

  /** Fills the empty first place with the last wake-up. */
  private close(): void {
    this.hole = false;
    const n = --this.size;
    if (n > 0) this.siftDown(this.times[n], this.orders[n], this.values[n]);
  }

  /** Puts a wake-up into the empty first place and moves it to where it belongs. */
  private siftDown(time: number, order: number, value: number): void {
    const { times, orders, values, size } = this;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      const right = child + 1;
      if (
        right < size &&
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
    values[i] = value;
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
