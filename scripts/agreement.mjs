/**
 * How often a model sends a fault where the recording kernel sent it. Recordings carry what that kernel did (`truth`);
 * the model sees everything else and is asked to say the same, fault by fault, with every event at its recorded time.
 *
 *     npm run build && node scripts/agreement.mjs MODEL TRACE...
 */
import { basename } from 'node:path';
import { Replay, readEvents, readTrace, resolveModels } from '../dist/index.js';

const [model, ...traces] = process.argv.slice(2);
if (traces.length === 0) {
  process.stderr.write('usage: node scripts/agreement.mjs MODEL TRACE...\n');
  process.exit(2);
}

/** What the model says of each fault, by the fault's index in the trace. */
async function verdicts(trace) {
  const rows = new Map();
  const replay = new Replay(resolveModels(model), { timing: 'recorded', onFault: row => rows.set(row.i, row) });
  replay.finish(await readTrace(trace, { onBatch: (columns, info) => replay.feed(columns, info) }));
  return rows;
}

/** Scored are the faults whose path was recorded; they agree in where they ended and in whether they fell back. */
async function score(trace) {
  const rows = await verdicts(trace);
  const sums = { scored: 0, agree: 0, fellBack: 0, foundOut: 0, falseAlarms: 0 };
  let i = 0;
  for await (const { op, truth } of readEvents(trace)) {
    const row = rows.get(i++);
    if (op !== 'fault' || truth?.path === undefined) continue;
    sums.scored++;
    if (row.verdict === truth.path && row.fallback === truth.fallback) sums.agree++;
    if (truth.fallback) sums.fellBack++;
    if (truth.fallback && row.fallback) sums.foundOut++;
    if (!truth.fallback && row.fallback) sums.falseAlarms++;
  }
  return sums;
}

const rows = [['trace', 'scored', 'agree', 'agreement', 'fell back', 'model too', 'model only']];
for (const trace of traces) {
  const { scored, agree, fellBack, foundOut, falseAlarms } = await score(trace);
  const share = scored === 0 ? '-' : `${((100 * agree) / scored).toFixed(2)} %`;
  rows.push([basename(trace), scored, agree, share, fellBack, foundOut, falseAlarms].map(String));
}
const widths = rows[0].map((_, at) => Math.max(...rows.map(row => row[at].length)));
const line = row => row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ');
process.stdout.write(rows.map(row => `${line(row)}\n`).join(''));
