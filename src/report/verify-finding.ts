/** The finding of a verification: on how many faults a model and a recording agree, and what was not compared, in one sentence. */
import type { Undecided, VerifyResult } from '../replay/verification.js';
import { formatCount } from '../units.js';
import { remarks, subject } from './finding.js';
import { formatRatio } from './rows.js';
import type { Opening } from './section.js';

/** Why a recording cannot tell what a fault met, as a sentence of its own. */
export const UNDECIDED_WORDS: Readonly<Record<Undecided, string>> = {
  vma_lock_race: "a writer's section overlapped the lookup",
  mmap_lock_race: "a writer's section overlapped the trylock",
  anon_vma_race: 'its anon_vma may have been made earlier, or later',
  swap_io: 'the read from swap may have been over early',
  page_race: 'another thread faulted on the same page',
  hidden_vma: 'the recording hides mappings, and knows none there',
  hidden_page: 'the recording hides what the page was',
  hidden_memory: 'the recording hides what a call did to that memory',
  lost: 'the recorder lost records before it',
};

/** The sums a sentence is about: of one trace, or of several. */
export type Tally = Pick<VerifyResult, 'scored' | 'agree' | 'inferred' | 'undecided'>;

export function verifyOpening(result: VerifyResult): Opening {
  const { model, trace, truth, undecided } = result;
  const finding = trace.faults === 0 ? 'The trace has no page faults' : sentence(model, 'the recording', result);
  const known = remarks(result);
  if (truth !== undefined) {
    const { rows, joined } = truth;
    known.push(`Of ${formatCount(rows)} rows of truth ${formatCount(joined)} are of faults of the trace.`);
  }
  if (undecided.reasons.some(({ reason }) => reason === 'swap_io')) {
    known.push('If the swap device reads at once (zram, brd, pmem), import --swap-sync decides the reads from swap.');
  }
  return { finding: `${finding}.`, subject: subject(result), remarks: known };
}

/** One sentence about several traces. */
export function openingOfAll(results: readonly VerifyResult[]): Opening {
  const models = new Set(results.map(({ model }) => model));
  const [model] = models.size === 1 ? models : ["Each kernel's model"];
  const recordings = results.length === 1 ? '1 recording' : `${formatCount(results.length)} recordings`;
  const faults = formatCount(results.reduce((sum, { trace }) => sum + trace.faults, 0));
  return {
    finding: `${sentence(model, recordings, sumOf(results))}.`,
    subject: `${recordings}, ${faults} faults, recorded timing`,
    remarks: [],
  };
}

export function sumOf(results: readonly Tally[]): Tally {
  const sum = (of: (result: Tally) => number): number => results.reduce((total, result) => total + of(result), 0);
  const reasons = (Object.keys(UNDECIDED_WORDS) as Undecided[]).flatMap(reason => {
    const rows = results.flatMap(({ undecided }) => undecided.reasons).filter(row => row.reason === reason);
    const of = (key: 'faults' | 'agree'): number => rows.reduce((total, row) => total + row[key], 0);
    return rows.length === 0 ? [] : [{ reason, faults: of('faults'), agree: of('agree') }];
  });
  return {
    scored: sum(({ scored }) => scored),
    agree: sum(({ agree }) => agree),
    inferred: { scored: sum(({ inferred }) => inferred.scored), agree: sum(({ inferred }) => inferred.agree) },
    undecided: {
      faults: sum(({ undecided }) => undecided.faults),
      agree: sum(({ undecided }) => undecided.agree),
      reasons: reasons.sort((a, b) => b.faults - a.faults),
    },
  };
}

/** `v6.18 agrees with the recording on 1,205 of 1,205 user faults; 106 more are undecided (...)`. */
function sentence(model: string, recording: string, { scored, agree, inferred, undecided }: Tally): string {
  const parts: string[] = [];
  const more = scored > 0 ? ' more' : '';
  if (scored > 0) {
    const share = agree === scored ? '' : ` (${formatRatio(agree, scored)})`;
    parts.push(`${model} agrees with ${recording} on ${formatCount(agree)} of ${userFaults(scored)}${share}`);
  } else parts.push(`No user fault was predicted from facts alone under ${model}`);
  if (inferred.scored > 0) {
    const those = `${formatCount(inferred.scored)}${more} whose prediction rests on an inference`;
    parts.push(`on ${formatCount(inferred.agree)} of ${those}`);
  }
  const { faults, reasons } = undecided;
  if (faults > 0) {
    const [main] = reasons;
    const mostly = reasons.length > 1 ? 'mostly, ' : '';
    const are = faults === 1 ? 'is' : 'are';
    parts.push(`${formatCount(faults)}${more} ${are} undecided (${mostly}${UNDECIDED_WORDS[main.reason]})`);
  }
  return parts.join('; ');
}

function userFaults(n: number): string {
  return `${formatCount(n)} user ${n === 1 ? 'fault' : 'faults'}`;
}
