/** First in, first out: however long it is, what is done to one of it costs the same. */

/** Places left behind that are kept before the others move up. */
const SLACK = 1024;

export class Queue<T> {
  #items: (T | null)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** What has been in it for longest, or null. */
  get first(): T | null {
    return this.#items[this.#head] ?? null;
  }

  /** All of it, in order. */
  get items(): readonly T[] {
    return this.#items.slice(this.#head) as T[];
  }

  /** What stands behind `item`, from the last on; all of it where `item` was taken out. */
  *behind(item: T): Generator<T> {
    for (let at = this.#items.length - 1; at >= this.#head && this.#items[at] !== item; at--)
      yield this.#items[at] as T;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first out; there must be one. */
  shift(): void {
    this.#items[this.#head++] = null;
    if (this.#head <= SLACK || this.#head <= this.length) return;
    this.#items.splice(0, this.#head);
    this.#head = 0;
  }
}
