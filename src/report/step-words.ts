/** The steps of a fault in sentences. Plain text; every name in it is still unescaped. */
import type {
  EntrySeen,
  ExplainedFault,
  ModelExplanation,
  Other,
  PageSaid,
  Step,
  VmaSeen,
} from '../replay/explanation.js';
import { formatNs } from '../units.js';
import { NAME_WIDTH, whereOf } from './rows.js';
import { SITE_WORDS } from './site-words.js';
import { keepEnds } from './style.js';

const ENTRIES: Readonly<Record<EntrySeen['kind'], string>> = {
  none: 'an empty page-table entry',
  zero_page: 'the zero page',
  anonymous: 'an anonymous page',
  anonymous_read_only: 'a read-only anonymous page',
  file_read_only: 'a file page mapped read-only',
  file_writable: 'a file page mapped writable',
  swap: 'a swap entry',
  migration: 'a migration entry',
  marker_uffd_wp: 'a marker of userfaultfd write protection',
  marker_poison: 'a poison marker',
  marker_guard: 'a guard marker',
  hwpoison: 'a hwpoison entry',
  device_private: 'a device-private entry',
  device_exclusive: 'a device-exclusive entry',
};

const ENTRY_FLAGS: Readonly<Record<EntrySeen['flags'][number], string>> = {
  uffd_wp: 'write-protected by userfaultfd',
  protnone: 'due for NUMA hinting',
  shared: 'shared for copy on write',
  huge: 'in a huge page',
};

/** What a fault sleeps for in the last function it entered. */
const SLEEPS: ReadonlyMap<string, string> = new Map([
  ['filemap_fault', 'the page to be read from its file'],
  ['shmem_fault', 'the folio'],
  ['shmem_falloc_wait', 'a hole to be punched'],
  ['lock_folio_maybe_drop_mmap', 'the folio lock'],
  ['do_async_mmap_readahead', 'readahead'],
  ['do_swap_page', 'the page to be read from swap'],
  ['migration_entry_wait', 'the page to be migrated'],
  ['pmd_migration_entry_wait', 'the page to be migrated'],
  ['migration_entry_wait_huge', 'the page to be migrated'],
  ['do_numa_page', 'the page to be migrated'],
  ['do_huge_pmd_numa_page', 'the page to be migrated'],
  ['handle_userfault', 'a userfaultfd monitor'],
]);

const FROM: ReadonlyMap<Step['wait_from'], string> = new Map([
  ['trace', 'as the trace says'],
  ['costs', 'by the data sheet'],
]);

/** What a step did, after its function: `vma_start_read(): read-locks it`. */
export function stepWords(step: Step, fault: ExplainedFault, { steps, others, counter }: ModelExplanation): string {
  const other = step.blocked_by === null ? null : others[step.blocked_by];
  const before = steps[steps.indexOf(step) - 1] ?? null;
  const told = { ...step, vma: isKnown(step, steps) ? null : step.vma };
  return `${step.function}(): ${before === null ? `${accessOf(fault)}: ` : ''}${words(told, other, before, counter)}`;
}

/** Has a step before looked up the same VMA, and does this one do more than that? */
function isKnown({ vma, entry }: Step, steps: readonly Step[]): boolean {
  if (vma === null || entry === null) return false;
  const first = steps.find(step => step.vma?.start === vma.start && step.vma.end === vma.end);
  return first?.vma !== vma;
}

export function accessOf({ access, mode }: ExplainedFault): string {
  const what = { read: 'a read', write: 'a write', exec: 'an instruction fetch' }[access];
  return mode === 'kernel' ? `${what} from kernel mode` : what;
}

function words(step: Step, other: Other | null, before: Step | null, counter: string | null): string {
  switch (step.outcome) {
    case 'passes':
      if (step.vma !== null) return `finds ${vmaWords(step.vma)}`;
      return before === null ? 'tries the VMA lock first' : `looks again: ${stillThere(step)}`;
    case 'speculates':
      return 'tries without any lock first';
    case 'locked':
      return locked(step);
    case 'again':
      return 'the VMA was detached meanwhile, and is looked up again (vma_lock_miss)';
    case 'releases':
      return 'releases the VMA lock';
    case 'leaves':
      return leaves(step, other, counter);
    case 'sleeps':
      return sleeps(step, other);
    case 'grows':
      return 'the address lies below a stack that must grow: drops the read lock, since that takes mmap_lock for writing';
    case 'grown':
      return `${waited(step)}the stack VMA now begins at the address; ${downgraded(before!)}`;
    case 'unmapped':
      return step.vma === null
        ? 'no VMA covers the address'
        : `in ${vmaWords(step.vma)}; the stack may not grow to the address`;
    case 'over':
      return over(step, before!);
    default:
      return handling(step, other);
  }
}

function locked(step: Step): string {
  const [lock] = step.held;
  if (lock === 'vma_lock') return 'read-locks the VMA';
  const mode = lock === 'mmap_lock:write' ? 'write-locks' : 'read-locks';
  return step.wait_ns > 0 ? `${mode} mmap_lock after waiting ${formatNs(step.wait_ns)}` : `${mode} mmap_lock at once`;
}

function waited({ wait_ns }: Step): string {
  return wait_ns > 0 ? `waits ${formatNs(wait_ns)}; ` : '';
}

/** A stack grows under whichever lock is held. */
function downgraded({ held }: Step): string {
  return held.includes('mmap_lock:write') ? 'mmap_lock is downgraded' : 'the read lock is enough';
}

function leaves(step: Step, other: Other | null, counter: string | null): string {
  const counted = counter === null ? '' : ` (${counter})`;
  switch (step.site) {
    case null:
      return `VM_FAULT_RETRY: starts over under mmap_lock${counted}`;
    case 'do_user_addr_fault':
      return 'takes mmap_lock, as every fault does';
    case 'do_user_addr_fault.kernel_mode':
      return 'takes mmap_lock, as every fault from kernel mode does';
  }
  const seen = step.vma === null ? '' : `finds ${vmaWords(step.vma)}; `;
  const entry = step.entry === null ? '' : `${entryWords(step)}; `;
  const why = SITE_WORDS.get(step.site) ?? 'goes no further';
  const by = other === null ? '' : `, by ${whoWords(other)}`;
  return `${seen}${entry}gives up at ${step.site}: ${why}${by}; goes on under mmap_lock${counted}`;
}

function sleeps(step: Step, other: Other | null): string {
  const who = other === null ? '' : `: ${whoWords(other)} ${doing(other)}`;
  if (step.held.includes('mmap_lock:write'))
    return `readers are inside the stack VMA; sleeps until the last has left${who}`;
  return `mmap_lock is not free; sleeps in its queue${who}`;
}

/** What somebody who stands in the way had of the lock when the fault came. */
export function doing({ role, queued }: Other): string {
  if (queued !== null) return 'is ahead in the queue, for writing';
  return role === 'writer' ? 'holds it for writing' : 'holds it for reading';
}

/** `madvise of thread 5632 (event 700)` */
export function whoWords({ i, op, tid }: Other): string {
  return `${op === 'fault' ? 'a fault' : op} of thread ${tid} (event ${i})`;
}

function over(step: Step, { held: [lock], outcome }: Step): string {
  if (lock !== undefined) return `releases ${lock === 'vma_lock' ? 'the VMA lock' : 'mmap_lock'}; done`;
  if (!step.function.endsWith('pte_map_lock')) return 'done';
  return `nobody has changed anything meanwhile${outcome === 'signal' ? '' : ': maps the page'}; done`;
}

/** What the lookup makes sure of once it has the lock. */
function stillThere({ asked }: Step): string {
  const range = asked.find(({ site }) => site === 'lock_vma_under_rcu.range')?.answer;
  return `the VMA is still mapped${range === 'never' ? '' : ' and covers the address'}`;
}

/** What handle_mm_fault() came to. */
function handling(step: Step, other: Other | null): string {
  const parts: string[] = [];
  if (step.vma !== null) parts.push(`in ${vmaWords(step.vma)}`);
  if (step.entry !== null) parts.push(entryWords(step));
  if (step.path.length > 0) parts.push(step.path.join(' > '));
  if (step.trylock === 'ok') parts.push('mmap_read_trylock() inside the fault works');
  if (step.trylock === 'failed') {
    parts.push(
      `mmap_read_trylock() inside the fault fails${other === null ? '' : `: ${whoWords(other)} ${doing(other)}`}`,
    );
  }
  return [...parts, ...ending(step, other)].join('; ');
}

function ending(step: Step, other: Other | null): string[] {
  const { outcome, site, signal, held, path, wait_ns, work_ns } = step;
  // shmem_fault() keeps the lock where it waits for a folio.
  const last = outcome === 'retry' && path.at(-1) === 'shmem_fault' ? 'shmem_falloc_wait' : path.at(-1);
  const what = SLEEPS.get(last ?? '') ?? 'the folio';
  const from = FROM.get(step.wait_from);
  const waits = wait_ns > 0 ? `sleeps ${formatNs(wait_ns)} for ${what}${from === undefined ? '' : `, ${from}`}` : null;
  const why = site === null ? null : (SITE_WORDS.get(site) ?? site);
  switch (outcome) {
    case 'handled':
      return [waits === null ? `handled in ${formatNs(work_ns)}` : `${waits}, with the lock held; handled`];
    case 'signal':
      return [SITE_WORDS.get(signal ?? '') ?? 'cannot be handled', 'a signal'];
    case 'userfault': {
      const by = other === null ? '' : `; ${whoWords(other)} resolves it`;
      return [`drops the lock and ${waits ?? `asks ${what}`}${by}`];
    }
    case 'retry':
      return [
        why ?? [],
        held.length > 0 ? 'VM_FAULT_RETRY' : `drops the lock${waits === null ? '' : ` and ${waits}`}: VM_FAULT_RETRY`,
      ].flat();
    case 'unlocked':
      return [`drops the lock${waits === null ? '' : ` and ${waits}`}: done, without another pass`];
    default:
      return [`${waits === null ? '' : `${waits}; `}drops mmap_lock, which it does not hold: a bug of the series`];
  }
}

/** `[heap] 0x55d0-0x55d8 rw-, anonymous` */
function vmaWords({ start, end, prot, name, shared, anonymous, anon_vma, flags }: VmaSeen): string {
  const named = name === undefined ? '' : `${keepEnds(name, NAME_WIDTH)} `;
  const kind = [shared ? 'shared' : null, anonymous ? 'anonymous' : 'a file', ...flags].filter(word => word !== null);
  const bare = anon_vma || shared ? '' : ', no anon_vma yet';
  return `${named}${start}-${end} ${prot}, ${kind.join(' ')}${bare}`;
}

function entryWords({ entry }: Step): string {
  const { kind, flags, from } = entry!;
  const more = flags.map(flag => `, ${ENTRY_FLAGS[flag]}`).join('');
  return `meets ${ENTRIES[kind]}${more} (${from === 'trace' ? 'the trace says so' : "from the trace's history"})`;
}

/** `entry swap, folio locked, wait 20.0 us`: what the trace says of the page; null where it says nothing. */
export function pageWords(page: PageSaid): string | null {
  const { wait, ...facts } = page;
  const said = Object.entries(facts).map(([fact, value]) => {
    if (typeof value === 'boolean') return `${value ? '' : 'not '}${fact}`;
    return `${fact} ${value}`;
  });
  if (wait !== undefined) said.push(`wait ${formatNs(wait)}`);
  return said.length === 0 ? null : said.join(', ');
}

/** Where another thread was at work. */
export function whereWords(other: Other): string {
  return whereOf(other) ?? '-';
}
