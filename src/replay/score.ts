/** The tallies of a verification: every fault in one class, every class with what the model had right. */
import type { Agreement, Path, Undecided, Unscored, VerifyResult } from './verification.js';

export class Score {
  readonly scored: Agreement = { scored: 0, agree: 0 };
  readonly inferred: Agreement = { scored: 0, agree: 0 };
  /** what is known of faults that are undecided */
  private readonly races = new Map<Undecided, { faults: number; agree: number }>();
  private readonly others = new Map<Unscored, number>();
  readonly confusion: VerifyResult['confusion'] = {
    vma_lock: { vma_lock: 0, mmap_lock: 0 },
    mmap_lock: { vma_lock: 0, mmap_lock: 0 },
  };

  /** A fault predicted from facts alone. */
  fact(truth: Path, predicted: Path): void {
    this.confusion[truth][predicted]++;
    count(this.scored, truth === predicted);
  }

  inference(truth: Path, predicted: Path): void {
    count(this.inferred, truth === predicted);
  }

  race(reason: Undecided, agrees: boolean): void {
    const race = this.races.get(reason) ?? { faults: 0, agree: 0 };
    this.races.set(reason, race);
    race.faults++;
    if (agrees) race.agree++;
  }

  other(reason: Unscored): void {
    this.others.set(reason, (this.others.get(reason) ?? 0) + 1);
  }

  get undecided(): VerifyResult['undecided'] {
    const reasons = [...this.races]
      .map(([reason, race]) => ({ reason, ...race }))
      .sort((a, b) => b.faults - a.faults || (a.reason < b.reason ? -1 : 1));
    const sum = (of: 'faults' | 'agree'): number => reasons.reduce((total, row) => total + row[of], 0);
    return { faults: sum('faults'), agree: sum('agree'), reasons };
  }

  /** Faults that are in neither of the two tallies, by reason; most first. */
  get unscored(): VerifyResult['unscored'] {
    const races = this.undecided.reasons.map(({ reason, faults }) => [reason, faults] as const);
    const all: (readonly [Unscored, number])[] = [...races, ...this.others];
    return Object.fromEntries(all.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
  }
}

function count(of: Agreement, agrees: boolean): void {
  of.scored++;
  if (agrees) of.agree++;
}
