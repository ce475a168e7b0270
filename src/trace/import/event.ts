/**
 * What an importer yields: the trace's header, then events, as plain objects in the contract's shapes.
 */
import type { TruthPath } from '../../vocab.js';
import type { TraceEvent } from '../schema.js';

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
  /** records the recorder lost */
  lost: number;
  /** MMAP2 lines that contradict the calls before them */
  mismatched: number;
  /** the first hundred of these: line of the text, range that it shows, range that the calls make */
  mismatches: { line: number; shown: string; expected: string }[];
  /** what could not be classified: reason -> how often */
  unclassified: Record<string, number>;
}
