/**
 * /proc/PID/maps and /proc/PID/smaps -> the VMAs that a recording found when it attached.
 *
 * Models: fs/proc/task_mmu.c, show_map_vma(), show_smap(), show_smap_vma_flags() (v6.18). smaps has the lines of maps, each
 * with `Anonymous:` (pages that need an anon_vma) and `VmFlags:` below.
 *
 *     55b74422c000-55b7443bb000 rw-p 00000000 00:00 0                          [heap]
 *     Anonymous:          1544 kB
 *     VmFlags: rd wr mr mw me ac
 */
import { Complaint, quote } from '../../errors.js';
import { formatAddr, formatLen } from '../../units.js';
import type { MapFlag, UFFD_MODES } from '../../vocab.js';
import { LIMITS, type Limited, tooMany } from '../limits.js';
import type { Extent } from './address-map.js';
import type { EventObject } from './event.js';
import { type Line, linesOf } from './lines.js';
import { identity, vmaEvent } from './mapped.js';
import { HIGHEST_PAGE, pageOf, protBits } from './words.js';

export interface MapsFile {
  /** name for complaints */
  file: string;
  text: string | AsyncIterable<string | Uint8Array>;
}

/** One VMA of the snapshot. */
export interface Snapshot {
  extent: Extent;
  /** it has pages of its own, in memory or in swap */
  anonymous: boolean;
  /** two-letter words of VmFlags that are told; empty for maps */
  flags: readonly string[];
  /** of the file, from 1 */
  line: number;
}

type MapsLimits = Limited<'maxLine' | 'maxMaps'>;

const HEAD = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ([r-][w-][x-][ps]) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ \d+(?: +(.*))?$/;
const FIELD = /^([A-Z][A-Za-z_]+): +(.*)$/;

/**
 * The VMAs of a maps or smaps file, by address.
 *
 * @throws Complaint `schema` for a line that neither of them has, `encoding`, `limit`
 */
export async function readMaps({ file, text }: MapsFile, limits: MapsLimits = {}): Promise<Snapshot[]> {
  const { maxLine, maxMaps = LIMITS.maxMaps.standard } = limits;
  const found: Snapshot[] = [];
  let length = 0;
  for await (const lines of linesOf(typeof text === 'string' ? [text] : text, file, maxLine)) {
    for (const line of lines) {
      length += line.text.length + 1;
      if (length > maxMaps) throw tooMany('maxMaps', maxMaps, { file, line: line.number });
      if (line.text !== '') take(line, found, file);
    }
  }
  // [vsyscall] is above user space
  return found.filter(({ extent }) => extent.end <= HIGHEST_PAGE);
}

/** A line that begins a VMA, or says more about the last one. */
function take({ text, number }: Line, found: Snapshot[], file: string): void {
  const refuse = (what: string): never => {
    const where = { file, line: number };
    throw new Complaint('schema', `${what}, found ${quote(text)}`, where, 'copy one of them before the recording');
  };
  const head = HEAD.exec(text);
  const field = head === null ? FIELD.exec(text) : null;
  const last = found.at(-1);
  if (head !== null) {
    const next = snapshot(head, number);
    const { start, end } = next.extent;
    if (start >= end) refuse('a VMA of /proc/PID/maps or smaps ends where it begins, or before');
    if (last !== undefined && start < last.extent.end) refuse('a VMA begins before the one in front of it ends');
    found.push(next);
  } else if (field === null || last === undefined) refuse('not a line of /proc/PID/maps or smaps');
  else if (field[1] === 'VmFlags') {
    const words = new Set(field[2].split(/\s+/));
    last.flags = [...FLAGS, ...MODES].map(([word]) => word).filter(word => words.has(word));
    if (words.has('dc')) last.extent = { ...last.extent, dontfork: true };
  } else if ((field[1] === 'Anonymous' || field[1] === 'Swap') && !field[2].startsWith('0 ')) last.anonymous = true;
}

function snapshot([, start, end, prot, offset, name = '']: RegExpExecArray, line: number): Snapshot {
  const shared = prot[3] === 's';
  const extent: Extent = {
    start: pageOf(`0x${start}`),
    end: pageOf(`0x${end}`),
    shared,
    prot: protBits(prot),
    mapsFile: identity(name, shared).file !== undefined,
    growsdown: name === '[stack]',
    dontfork: false,
    name,
    offset: pageOf(`0x${offset}`),
    since: 0,
  };
  return { extent, anonymous: false, flags: [], line };
}

const FLAGS: readonly [vmFlag: string, flag: MapFlag][] = [
  ['gd', 'growsdown'],
  ['ht', 'hugetlb'],
  ['lo', 'locked'],
  ['nr', 'noreserve'],
  ['pf', 'pfnmap'],
];
const MODES: readonly [vmFlag: string, mode: (typeof UFFD_MODES)[number]][] = [
  ['um', 'missing'],
  ['uw', 'wp'],
  ['ui', 'minor'],
];

/** `vma` with what the snapshot says of it, what no child of it has, and the userfaultfd that its flags give away. */
export function snapshotEvents(t: number, tid: number, { extent, anonymous, flags }: Snapshot): EventObject[] {
  const vma = vmaEvent(t, tid, extent);
  const more = FLAGS.filter(([word, flag]) => flags.includes(word) && !vma.flags.includes(flag)).map(
    ([, flag]) => flag,
  );
  vma.flags.push(...more);
  if (anonymous) vma.anon_vma = true;
  const events: EventObject[] = [vma];
  const range = { addr: formatAddr(extent.start), len: formatLen(extent.end - extent.start) };
  if (extent.dontfork) events.push({ t, tid, op: 'madvise', ...range, advice: 'dontfork' });
  const modes = MODES.filter(([word]) => flags.includes(word));
  if (modes.length > 0) {
    const evidence = `VmFlags ${modes.map(([word]) => word).join(' ')} of smaps`;
    events.push({
      t,
      tid,
      op: 'uffd_register',
      ...range,
      modes: modes.map(([, mode]) => mode),
      'x-inferred': evidence,
    });
  }
  return events;
}
