/**
 * Are the truth labels that `vmalock import` reads off a recording right? Takes folders of recordings, each NAME.perf.txt
 * or NAME.trace (gzip or not) beside NAME.truth.ndjson (gzip or not): rows with `ts_ns`, `tid`, `addr`, `fallback` and
 * `anon_prep` (null, "ok" or "busy"), derived by other means. Every row must find its fault, and every label must agree.
 *
 *     npm run build && npm run truth -- DIR [--kernel RELEASE]
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { importTrace } from '../dist/index.js';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { kernel: { type: 'string' } } });
if (positionals.length === 0) {
  process.stderr.write('usage: npm run truth -- DIR... [--kernel RELEASE]\n');
  process.exit(2);
}

const RECORDINGS = ['.perf.txt.gz', '.perf.txt', '.trace.gz', '.trace'];
const TRUTHS = /\.truth\.ndjson(?:\.gz)?$/;
const PREPARED = { ok: 'ok', busy: 'failed' };

function read(path) {
  const bytes = readFileSync(path);
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString();
}

async function* pieces(text) {
  for (let at = 0; at < text.length; at += 65_536) yield text.slice(at, at + 65_536);
}

/** ns of the first record that has a time: a trace counts from there. */
function originOf(text) {
  for (const [, sec, fraction] of text.matchAll(/^(?!#)[^:\n]*\s(\d+)\.(\d{9}|\d{6}): /gm)) {
    const ns = BigInt(sec) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
    if (ns > 0n) return ns;
  }
  return 0n;
}

/** Truth labels by time, thread and address; faults that are alike stand in their order. */
async function labels(text, file) {
  const origin = originOf(text);
  // of a clock in microseconds the importer keeps the order as nanoseconds
  const grain = /^(?!#)[^:\n]*\s\d+\.\d{6}: /m.test(text) ? 1_000n : 1n;
  const found = new Map();
  for await (const event of importTrace(pieces(text), { file, kernel: values.kernel })) {
    if (event.op !== 'fault') continue;
    const clock = origin + BigInt(event.t);
    const key = `${clock - (clock % grain)} ${event.tid} ${event.addr}`;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(event.truth ?? null);
  }
  return found;
}

/** Compares fault by fault. An anon_vma trylock that only a call chain shows may be missing in a label, never wrong. */
async function score(recording, truth) {
  const found = await labels(read(recording), basename(recording));
  const sums = { faults: 0, agree: 0, unlabelled: 0, missing: 0, fallback: 0, prepared: 0 };
  for (const line of read(truth).trim().split('\n')) {
    const row = JSON.parse(line);
    const label = found.get(`${row.ts_ns} ${row.tid} ${row.addr}`)?.shift();
    sums.faults++;
    if (label === undefined) sums.missing++;
    else if (label === null) sums.unlabelled++;
    else if (label.fallback !== row.fallback) sums.fallback++;
    else if ((label.anon_prepare ?? PREPARED[row.anon_prep]) !== PREPARED[row.anon_prep]) sums.prepared++;
    else sums.agree++;
  }
  return sums;
}

const HEAD = ['recording', 'faults', 'agree', 'unlabelled', 'missing', 'fallback differs', 'anon_prepare differs'];
const rows = [HEAD];
const total = [0, 0, 0, 0, 0, 0];
for (const folder of positionals) {
  for (const path of readdirSync(folder, { recursive: true })
    .filter(file => TRUTHS.test(file))
    .sort()) {
    const stem = path.replace(TRUTHS, '');
    const recording = RECORDINGS.map(end => join(folder, stem + end)).find(file => existsSync(file));
    if (recording === undefined) {
      process.stderr.write(`${join(folder, path)}: no recording beside it\n`);
      process.exit(2);
    }
    const { faults, agree, unlabelled, missing, fallback, prepared } = await score(recording, join(folder, path));
    const numbers = [faults, agree, unlabelled, missing, fallback, prepared];
    for (const [at, n] of numbers.entries()) total[at] += n;
    rows.push([stem, ...numbers.map(String)]);
  }
}
if (rows.length === 1) {
  process.stderr.write(`${positionals.join(' ')}: no NAME.truth.ndjson there\n`);
  process.exit(2);
}
rows.push(['total', ...total.map(String)]);
const widths = HEAD.map((_, at) => Math.max(...rows.map(row => row[at].length)));
const spell = row => row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ');
process.stdout.write(rows.map(row => `${spell(row)}\n`).join(''));
process.exit(total[0] === total[1] ? 0 : 1);
