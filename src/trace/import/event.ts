/**
 * What an importer yields: the trace's header, then events, as plain objects in the contract's shapes.
 */
import type { TruthPath } from '../../vocab.js';
import type { TraceEvent } from '../schema.js';
import type { Mended } from './lines.js';

export interface HeaderObject {
  format: 'vmalock-trace';
  version: 1;
  meta: {
    producer: string;
    kernel?: string;
    arch: string;
    pageSize: number;
    clock: string;
    /** records the recorder lost; added to while the text streams by, final when the importer ends */
    lost: number;
    command?: string;
    /** ns: what the recorder lost came after this */
    'x-lost-from'?: number;
    /** every fault that slept for a folio says so: `wait` of what did not is 0 */
    'x-sleeps'?: true;
    /** the swap device reads synchronously, also where no event tells which faults met a swap entry */
    'x-swap-sync'?: true;
  };
}

/** One mmap_lock section of an operation; ns since the origin. */
export type LockSection = {
  mode: 'read' | 'write';
  ask: number;
  got: number;
  end: number;
};

export type FileObject = {
  name?: string;
  fs?: string;
};

export type PageObject = {
  entry?: 'none' | 'present' | 'swap';
  folio?: 'cached' | 'absent' | 'locked';
  readahead?: true;
  swap_sync?: boolean;
  huge?: 'pmd';
  /** ns */
  wait?: number;
};

export type TruthObject = {
  path?: TruthPath;
  fallback: boolean;
  anon_prepare?: 'ok' | 'failed';
  via?: string;
  /** ns waited for mmap_lock */
  wait?: number;
};

/** An event of the trace; an importer always knows when and whose. */
export type EventObject = TraceEvent & { t: number; tid: number };

/** What the import found, beside the events. */
export interface ImportSummary {
  lines: number;
  events: number;
  faults: number;
  /** lines that were not understood and were skipped */
  unknownLines: number;
  /** lines of events in which U+FFFD stands for bytes of a name that are no UTF-8 */
  mended: Mended;
  /** records the recorder lost */
  lost: number;
  /** ns: the first of these came after this; infinite when there is none */
  lostFrom: number;
  /** sched_switch was recorded */
  sleeps: boolean;
  /** MMAP2 lines that contradict the calls before them */
  mismatched: number;
  /** the first hundred of these: line of the text, range that it shows, range that the calls make */
  mismatches: { line: number; shown: string; expected: string }[];
  /** what could not be classified: reason -> how often */
  unclassified: Record<string, number>;
  /** reason -> lines of the text where the first twenty of these are; a call's is where it was last under way */
  unclassifiedAt: Record<string, number[]>;
}

const LISTED = 20;

/** An empty summary, to be filled while the text streams by. */
export function newSummary(): ImportSummary {
  const counts = { lines: 0, events: 0, faults: 0, unknownLines: 0, lost: 0, mismatched: 0 };
  const lostFrom = Number.POSITIVE_INFINITY;
  const mended = { lines: 0, first: 0 };
  return { ...counts, mended, lostFrom, sleeps: false, mismatches: [], unclassified: {}, unclassifiedAt: {} };
}

/** Counts and lists what could not be classified. */
export function notClassified(summary: ImportSummary, reason: string, line: number): void {
  summary.unclassified[reason] = (summary.unclassified[reason] ?? 0) + 1;
  summary.unclassifiedAt[reason] ??= [];
  const lines = summary.unclassifiedAt[reason];
  if (lines.length < LISTED) lines.push(line);
}
