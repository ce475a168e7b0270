/**
 * The door for programs: read a trace, replay it under any stages of the lineage, say what came of it.
 *
 *     const replay = new Replay(resolveModels('mmap_lock,per-vma'));
 *     const info = await readTrace('trace.ndjson', { onBatch: (columns, soFar) => replay.feed(columns, soFar) });
 *     const result = replay.finish(info);
 *     const report = await loadReporter('table');
 *     report([result], { fields: null, several: false, style: createStyle(0) });
 *
 * Nothing here prints or exits. What the caller can mend is thrown as a Complaint, what only we can as a Bug.
 */
export { Bug, Complaint, type ComplaintClass, type Where } from './errors.js';
export { COSTS, type CostName, type Costs } from './kernel/costs.js';
export { type Answers, SITES, type Site, type SiteName } from './kernel/sites.js';
export type { Change, Stage, StageData, VmaLockName } from './kernel/stage.js';
export { parseStageFile } from './kernel/stage-file.js';
export { findStage, lineage, newest, resolveModels, stageFromData } from './lineage/resolve.js';
export { Diff, type DiffOptions } from './replay/diff.js';
export { diffTraces, replayToCompare } from './replay/diff-traces.js';
export { type Choice, Explain, type ExplainOptions } from './replay/explain.js';
export type {
  EntrySeen,
  ExplainedFault,
  Explanation,
  Held,
  LineageRange,
  ModelExplanation,
  Other,
  PageSaid,
  Rule,
  Step,
  StepOutcome,
  VmaSeen,
} from './replay/explanation.js';
export { Replay, type ReplayOptions } from './replay/replay.js';
export type {
  Blocker,
  BlockerChange,
  ChangedFault,
  Convoy,
  Counter,
  DiffResult,
  Ends,
  ExpectFailure,
  FaultRow,
  FromTo,
  Hold,
  LockRow,
  ModelResult,
  OpRow,
  OverTime,
  Queue,
  Queued,
  Reason,
  ReplayResult,
  Span,
  Times,
  Transition,
  Verdict,
  VmaRange,
  Wait,
  Watcher,
} from './replay/result.js';
export { type Found, type Question, Search } from './replay/search.js';
export type { BlockerRates, MappingRates, OpRates, Rated, ReasonRates, TracesDiff } from './replay/traces-diff.js';
export { TruthRows } from './replay/truth.js';
export type {
  Agreement,
  Disagreement,
  NearSection,
  Path,
  Undecided,
  Unscored,
  VerifiedFault,
  VerifyResult,
} from './replay/verification.js';
export { Verify, type VerifyOptions } from './replay/verify.js';
export { FORMATS, type Format, loadReporter } from './report/index.js';
export type { Reporter, ReportOptions } from './report/reporter.js';
export { type ColorLevel, createStyle, type Style } from './report/style.js';
export type { Columns, Expectation, FileFacts, Meta, TraceInfo } from './trace/columns.js';
export { type EventOptions, readEvents, type ValidateOptions, validateTrace } from './trace/events.js';
export { type ImportOptions, type ImportSummary, importTrace } from './trace/import/index.js';
export { type ReadOptions, readTrace } from './trace/reader.js';
export type { TraceEvent, TraceHeader } from './trace/schema.js';
export { readTruth, type TruthRow } from './trace/truth-file.js';
export { formatEvent, formatHeader } from './trace/writer.js';
