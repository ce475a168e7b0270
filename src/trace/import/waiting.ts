/**
 * The open user faults of one mm, and which userfaultfd requests may have ended them: those of other threads that began
 * after the fault and returned before it was over.
 *
 * Tens of thousands may wait while as many requests come, so neither looks at all of the other: an older fault is answered
 * by whatever answers a younger one.
 */
import type { Ns } from '../../units.js';
import type { Resolver } from './fault-window.js';
import type { OpenFault } from './world.js';

export class Waiting {
  /** in the order in which they began, as those that are answered */
  readonly #unanswered = new Set<OpenFault>();
  readonly #answered = new Set<OpenFault>();
  /** requests as they returned, but for those that began before one behind them */
  readonly #requests: { began: Ns; by: Resolver }[] = [];

  begins(fault: OpenFault): void {
    if (!fault.window.kernelMode) this.#unanswered.add(fault);
  }

  /** `fault` is over: its window is told the last request that may have ended it. */
  ends(fault: OpenFault): void {
    this.#unanswered.delete(fault);
    if (!this.#answered.delete(fault)) return;
    const last = this.#requests.findLast(({ began }) => began >= fault.window.t)!;
    fault.window.answered(last.by);
  }

  /** A request that began at `began` returned: says whether a fault was waiting when it began. */
  request(by: Resolver, began: Ns): boolean {
    for (const fault of this.#unanswered) {
      if (fault.window.t > began) break;
      this.#unanswered.delete(fault);
      this.#answered.add(fault);
      fault.window.answered(by);
    }
    const requests = this.#requests;
    while (requests.length > 0 && requests[requests.length - 1].began <= began) requests.pop();
    requests.push({ began, by });
    const [oldest] = this.#answered;
    return oldest !== undefined && oldest.window.t <= began;
  }

  /** Those that a request may have ended, the first that began first. */
  get answered(): Iterable<OpenFault> {
    return this.#answered;
  }
}
