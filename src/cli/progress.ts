/** A line on a terminal's stderr that says how far the input is read; nothing at all anywhere else. */
import { escapeText } from '../errors.js';
import type { BaseOptions } from './options.js';

/** ms before the first line, so that quick runs stay silent, and between two lines after it */
const DELAY = 500;
const INTERVAL = 100;

export class Progress {
  private next = performance.now() + DELAY;
  private shown = false;

  /** is there a terminal, and may it be written to? */
  readonly wanted: boolean;

  constructor({ progress, quiet = false }: Pick<BaseOptions, 'progress' | 'quiet'>) {
    this.wanted = progress && !quiet && process.stderr.isTTY === true;
  }

  /** @param done bytes read of the input as it is stored; @param total its size, null when unknown */
  update(file: string, done: number, total: number | null): void {
    this.say(
      () => `${file}: ${total === null || total === 0 ? mebibytes(done) : `${Math.floor((100 * done) / total)} %`}`,
    );
  }

  /** Shows a line of its own, made only when it is time for one. */
  say(line: () => string): void {
    if (!this.wanted) return;
    const now = performance.now();
    if (now < this.next) return;
    this.next = now + INTERVAL;
    this.shown = true;
    process.stderr.write(`\r\u001b[K${escapeText(line())}`);
  }

  /** Takes the line away again. */
  clear(): void {
    if (this.shown) process.stderr.write('\r\u001b[K');
    this.shown = false;
  }
}

/** `12 MiB` */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
