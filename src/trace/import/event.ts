/**
 * What an importer yields: the trace's header, then events, as plain objects in the contract's shapes.
 */
import type { TruthPath } from '../../vocab.js';

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
export interface LockSection {
  mode: 'read' | 'write';
  ask: number;
  got: number;
  end: number;
}

export interface FileObject {
  name?: string;
  fs?: string;
}

export interface PageObject {
  entry?: 'present' | 'swap';
  folio?: 'cached' | 'absent' | 'locked';
  readahead?: true;
  swap_sync?: boolean;
  huge?: 'pmd';
  /** ns */
  wait?: number;
}

export interface TruthObject {
  path?: TruthPath;
  fallback: boolean;
  anon_prepare?: 'ok' | 'failed';
  via?: string;
  /** ns waited for mmap_lock */
  wait?: number;
}

/** An event before it is written: `op`, `t` and `tid` are always there, the rest depends on the operation. */
export interface EventObject {
  t: number;
  tid: number;
  mm?: number;
  cpu?: number;
  op: string;
  dur?: number;
  locks?: LockSection[];
  page?: PageObject;
  truth?: TruthObject;
  [key: string]: unknown;
}

/** What the import found, beside the events. */
export interface ImportSummary {
  lines: number;
  events: number;
  faults: number;
  /** lines that were not understood and were skipped */
  unknownLines: number;
  /** records the recorder lost */
  lost: number;
  /** what could not be classified: reason -> how often */
  unclassified: Record<string, number>;
}
