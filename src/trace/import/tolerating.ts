/** Lines that are wrong: told, or the end. */
import { Complaint } from '../../errors.js';

/** What to do about a line that is cut off or contradicts itself: nobody to tell it to ends the import. */
export type OnBadLine = ((complaint: Complaint) => void) | undefined;

/** Does one step; what is wrong with its line is told, or thrown where nobody is to be told. */
export function tolerating(onBadLine: OnBadLine, step: () => void): void {
  try {
    step();
  } catch (error) {
    if (onBadLine === undefined || !(error instanceof Complaint)) throw error;
    onBadLine(error);
  }
}

/** So for each of many: after one that is wrong it goes on with the next. */
export function forEachTolerating<T>(many: readonly T[], onBadLine: OnBadLine, step: (one: T) => void): void {
  timesTolerating(many.length, onBadLine, i => step(many[i]));
}

/** So for each number below `n`. */
export function timesTolerating(n: number, onBadLine: OnBadLine, step: (i: number) => void): void {
  for (let i = 0; i < n; ) {
    tolerating(onBadLine, () => {
      while (i < n) step(i++);
    });
  }
}
