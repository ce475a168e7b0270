/**
 * A stage of the lineage: its parent plus the answers it changes at named sites. Plain data, frozen once resolved; a stage
 * from a JSON file (stage-file.ts) passes the same door and meets the same refusals.
 */
import { Complaint, nearest, quote } from '../errors.js';
import { type Answers, SITES, type Site, type SiteName } from './sites.js';

/**
 * How a fault does without mmap_lock: not at all; speculatively, by a sequence count of the VMA (Dufour) or of the mm
 * (Lespinasse); by a VMA lock of rwsem and sequence (the RFC, 6.4 to 6.14) or of a reference count (6.15 on).
 */
export const VMA_LOCKS = ['none', 'vm_sequence', 'mmap_seq', 'rwsem-seq', 'refcount'] as const;
export type VmaLockName = (typeof VMA_LOCKS)[number];

/** Does a fault under this lock hold nothing, and look afterwards whether anybody changed what it saw? */
export const isSpeculation = (lock: VmaLockName): lock is 'vm_sequence' | 'mmap_seq' =>
  lock === 'vm_sequence' || lock === 'mmap_seq';

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
  /** what the series calls a kernel function that was merged under another name: merged name to its own */
  readonly names?: Readonly<Record<string, string>>;
  /**
   * where its kernel differs from its parent's in what functions there are: one that we speak of, a caller or a sub-case before or after
   * a dot where only that differs, to the one this kernel has in its place or does it in; to itself once it is there
   */
  readonly functions?: Readonly<Record<string, string>>;
  readonly changes: Readonly<Partial<Record<SiteName, Change>>>;
}

/** Which stage gave an answer, and the patch that did. */
export interface Origin {
  readonly stage: string;
  readonly by: string;
}

/** A stage with every answer resolved through its parents. */
export interface Stage extends StageData {
  readonly vmaLock: VmaLockName;
  readonly functions: Readonly<Record<string, string>>;
  readonly answers: Readonly<Partial<Answers>>;
  /** where each answer comes from, by site; `lock` is the VMA lock's */
  readonly origins: Readonly<Partial<Record<SiteName | 'lock', Origin>>>;
  /** ids from the first stage to this one */
  readonly line: readonly string[];
}

/** A site as the series itself called its function. */
export function siteIn({ names }: Stage, site: string): string {
  const dot = site.indexOf('.');
  const own = names?.[dot < 0 ? site : site.slice(0, dot)];
  return own === undefined ? site : own + (dot < 0 ? '' : site.slice(dot));
}

/** What a stage's kernel has for `fn`, or does it in; `special` is the same with its caller or its sub-case. */
export function functionIn({ names, functions }: Stage, fn: string, special = fn): string {
  return names?.[fn] ?? functions[special] ?? functions[fn] ?? fn;
}

/** Who must answer which sites. */
const FLOORS: Readonly<Record<VmaLockName, readonly Site['floor'][]>> = {
  none: ['all'],
  vm_sequence: ['all', 'fast', 'speculation'],
  mmap_seq: ['all', 'fast', 'speculation'],
  'rwsem-seq': ['all', 'fast', 'vma'],
  refcount: ['all', 'fast', 'vma'],
};

/** Sites where a fault may drop the VMA lock itself, and the answers that say so. */
const DROPS: readonly (readonly [SiteName, readonly string[]])[] = [
  ['__folio_lock_or_retry', ['release_and_wait']],
  ['migration_entry_wait', ['release_and_return', 'release_and_wait']],
  ['handle_userfault', ['release_and_wait']],
];

/** Two answers that no kernel can give together: the VMA lock would be dropped twice, or one that is not held. */
function clashOf(answers: Partial<Record<SiteName, string>>): { site: SiteName; but: string; hint: string } | null {
  const end = answers['do_user_addr_fault.vma_end_read'];
  for (const [site, drops] of DROPS) {
    const answer = answers[site];
    if (answer === undefined || !drops.includes(answer)) continue;
    if (end === 'always') {
      const but = 'do_user_addr_fault.vma_end_read drops the VMA lock always: it would be dropped twice';
      return { site, but, hint: 'let do_user_addr_fault.vma_end_read answer unless_retry_or_completed' };
    }
    if (answer === 'release_and_return' && end !== 'unless_vma_unlocked') {
      const but = 'do_user_addr_fault.vma_end_read cannot tell, since there is no RETRY: it would be dropped twice';
      return { site, but, hint: 'let do_user_addr_fault.vma_end_read answer unless_vma_unlocked' };
    }
  }
  if (answers['lock_vma_under_rcu.userfaultfd_armed'] === 'go' && answers.handle_userfault === 'unreachable') {
    const but = 'lock_vma_under_rcu.userfaultfd_armed lets faults go there';
    return { site: 'handle_userfault', but, hint: 'let handle_userfault answer release_and_wait' };
  }
  return null;
}

/**
 * Resolves a lineage file against its parent and freezes it.
 *
 * Throws a semantic Complaint for an unknown site or answer, for a line that changes nothing, for a site left unanswered
 * that the stage's lock will be asked, and for answers that contradict each other.
 */
export function defineStage(data: StageData, parent: Stage | null): Stage {
  const refuse = (path: string, what: string, hint: string): never => {
    throw new Complaint('semantic', `${data.id}: ${what}`, { path }, hint);
  };
  const answers: Partial<Record<SiteName, string>> = { ...parent?.answers };
  const origins: Partial<Record<SiteName | 'lock', Origin>> = { ...parent?.origins };
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
    origins[site] = { stage: data.id, by: edit.by };
  }
  if (data.lock) origins.lock = { stage: data.id, by: data.lock.by };
  const lock = data.lock?.answer ?? parent?.vmaLock ?? 'none';
  if (!(VMA_LOCKS as readonly string[]).includes(lock)) {
    refuse('lock', `no such VMA lock ${quote(lock)}`, `there are: ${VMA_LOCKS.join(', ')}`);
  }
  if (data.lock && parent && data.lock.answer === parent.vmaLock) {
    refuse('lock', `the VMA lock is already ${lock} in ${data.parent}`, 'remove the line');
  }
  for (const [fn, now] of Object.entries(data.functions ?? {})) {
    const was = parent?.functions[fn] ?? (fn.includes('.') ? null : fn);
    if (now === was) refuse(`functions.${fn}`, `${fn} is ${now} already`, 'remove the line');
  }
  for (const [name, site] of Object.entries(SITES)) {
    if (answers[name as SiteName] === undefined && FLOORS[lock as VmaLockName].includes(site.floor)) {
      refuse(`changes.${name}`, `no answer at ${name}`, `answer one of: ${site.answers.join(', ')}`);
    }
  }
  const clash = clashOf(answers);
  if (clash !== null)
    refuse(`changes.${clash.site}`, `${clash.site} answers ${answers[clash.site]}, but ${clash.but}`, clash.hint);
  return Object.freeze({
    ...data,
    vmaLock: lock as VmaLockName,
    functions: Object.freeze({ ...parent?.functions, ...data.functions }),
    answers: Object.freeze(answers as Partial<Answers>),
    origins: Object.freeze(origins),
    line: Object.freeze([...(parent?.line ?? []), data.id]),
  });
}
