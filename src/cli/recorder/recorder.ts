/** What can record a program: perf, or tracefs where there is no perf. */
import type { StopSignal } from '../signals.js';
import type { Ended } from '../spawn.js';

/** What is to be recorded: a command from its start, or a process that runs. */
export type Target =
  | { kind: 'command'; words: readonly string[] }
  | { kind: 'process'; pid: number; seconds: number | undefined };

export interface Job {
  target: Target;
  events: readonly string[];
  /** can call chains be recorded, and their functions be named? */
  callChains: boolean;
  /** bytes for each cpu */
  buffer: number;
}

export interface Recorder {
  /** whose text it makes, as `import --from` calls it */
  readonly writes: 'perf' | 'ftrace';
  /**
   * Records until the target ends, its time is up or it is stopped; how the command ended, null when there is none.
   * @param begins called before each attempt
   * @throws Complaint (io)
   */
  record(begins: () => void): Promise<Ended | null>;
  /** Ends the recording well. */
  stop(signal: StopSignal): void;
  /** bytes recorded so far; null where nobody knows */
  size(): number | null;
  /**
   * The recording as text for the importer; to be returned when it is not read to its end.
   * @throws Complaint (io)
   */
  text(): AsyncGenerator<Uint8Array, void>;
  /** events the text does not tell are lost; known after the recording */
  lost(): number;
  /** Takes away what the recording left behind. */
  close(): void;
}
