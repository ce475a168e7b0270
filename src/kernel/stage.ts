/**
 * A stage of the lineage: its parent plus the answers it changes at named sites. Plain data, frozen once resolved; a stage
 * from a JSON file (stage-file.ts) passes the same door and meets the same refusals.
 */
import { Complaint, nearest, quote } from '../errors.js';
import { type Answers, SITES, type SiteName } from './sites.js';

/** The VMA locks there are: none, rwsem and sequence (6.4 to 6.14), reference count (6.15 on). */
export const VMA_LOCKS = ['none', 'rwsem-seq', 'refcount'] as const;
export type VmaLockName = (typeof VMA_LOCKS)[number];

/** One changed answer and the patch that changed it. */
export interface Change {
  readonly answer: string;
  /** subject or commit of the patch */
  readonly by: string;
}

/** What a lineage file holds. */
export interface StageData {
  /** what `--model` takes */
  readonly id: string;
  /** subject of the series as mailed, or what the release brought */
  readonly title: string;
  readonly author: string;
  /** ISO date of the posting or release */
  readonly date: string;
  /** address or message id of the posting */
  readonly link: string;
  /** release it came in; null when it was never merged */
  readonly merged: string | null;
  readonly commits?: readonly string[];
  /** id of the stage it edits; null for the first */
  readonly parent: string | null;
  readonly lock?: Change;
  readonly changes: Readonly<Partial<Record<SiteName, Change>>>;
}

/** A stage with every answer resolved through its parents. */
export interface Stage extends StageData {
  readonly vmaLock: VmaLockName;
  readonly answers: Readonly<Partial<Answers>>;
}

/**
 * Resolves a lineage file against its parent and freezes it.
 *
 * Throws a semantic Complaint for an unknown site or answer, for an edit that changes nothing, and for a stage with a VMA
 * lock that leaves a fault site unanswered.
 */
export function defineStage(data: StageData, parent: Stage | null): Stage {
  const refuse = (path: string, what: string, hint: string): never => {
    throw new Complaint('semantic', `${data.id}: ${what}`, { path }, hint);
  };
  const answers: Partial<Record<SiteName, string>> = { ...parent?.answers };
  for (const [name, edit] of Object.entries(data.changes)) {
    if (!Object.hasOwn(SITES, name)) {
      const near = nearest(name, Object.keys(SITES));
      refuse(
        `changes.${name}`,
        `no such site ${quote(name)}`,
        near ? `did you mean ${near}?` : 'vmalock models --matrix lists the sites',
      );
    }
    const site = name as SiteName;
    const allowed: readonly string[] = SITES[site].answers;
    if (!allowed.includes(edit.answer)) {
      refuse(`changes.${name}`, `${name} cannot answer ${quote(edit.answer)}`, `it can: ${allowed.join(', ')}`);
    }
    if (answers[site] === edit.answer) {
      refuse(`changes.${name}`, `${name} already answers ${edit.answer} in ${data.parent}`, 'remove the line');
    }
    answers[site] = edit.answer;
  }
  const lock = data.lock?.answer ?? parent?.vmaLock ?? 'none';
  if (!(VMA_LOCKS as readonly string[]).includes(lock)) {
    refuse('lock', `no such VMA lock ${quote(lock)}`, `there are: ${VMA_LOCKS.join(', ')}`);
  }
  if (data.lock && parent && data.lock.answer === parent.vmaLock) {
    refuse('lock', `the VMA lock is already ${lock} in ${data.parent}`, 'remove the line');
  }
  for (const [name, site] of Object.entries(SITES)) {
    if (answers[name as SiteName] === undefined && (lock !== 'none' || site.floor === 'op')) {
      refuse(`changes.${name}`, `no answer at ${name}`, `answer one of: ${site.answers.join(', ')}`);
    }
  }
  return Object.freeze({ ...data, vmaLock: lock as VmaLockName, answers: Object.freeze(answers as Partial<Answers>) });
}
