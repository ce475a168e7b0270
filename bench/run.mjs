/**
 * `npm run bench [-- --quick] [-- --pairs N]`: what a replay costs, as a multiple of merely reading the trace.
 *
 * CPU time (user and system) of whole processes, since wall time says more about the machine's neighbours than about us.
 * FLOOR and the replays take turns, and a ratio is taken within a turn: what disturbs one disturbs the other. Shown is the
 * median of N turns with the smallest and the largest. Nothing is asserted.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = name => fileURLToPath(new URL(name, import.meta.url));
const VMALOCK = here('../bin/vmalock.js');
const quick = process.argv.includes('--quick');
const pairsAt = process.argv.indexOf('--pairs');
const PAIRS = pairsAt > 0 ? Number(process.argv[pairsAt + 1]) : quick ? 3 : 5;
const SIZES = quick ? [50_000, 500_000] : [50_000, 500_000, 5_000_000];
const VMA_COUNTS = [10, 1_000, 65_530];
const CHURN_EVENTS = quick ? 200_000 : 1_000_000;
/** the share of events that are munmap or mmap when the number of VMAs is what we look at */
const CHURN = 0.2;
const MODELS = { 'one model': 'v6.18', 'two models': 'mmap_lock,v6.18' };

/** Runs Node with `args`. @returns CPU time in s and peak memory in bytes */
function measure(...args) {
  const child = spawnSync(process.execPath, ['--import', here('usage.mjs'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  if (child.status !== 0) throw new Error(`${args.join(' ')}: exit ${child.status}\n${child.stderr}`);
  return JSON.parse(String(child.output[3]));
}

const replay = (file, models) => measure(VMALOCK, 'replay', '--json', '-m', models, file);

function generate(file, ...args) {
  const child = spawnSync(process.execPath, [here('generate.mjs'), file, ...args.map(String)], { stdio: 'inherit' });
  if (child.status !== 0) throw new Error(`generate.mjs: exit ${child.status}`);
}

const sorted = numbers => [...numbers].sort((a, b) => a - b);
const median = numbers => sorted(numbers)[Math.floor(numbers.length / 2)];
const spread = numbers => {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)].map(n => n.toFixed(2));
  return `${median(numbers).toFixed(2)} [${low} .. ${high}]`;
};
const count = n => n.toLocaleString('en-US');
const mebi = bytes => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

function table(title, rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map(row => row[at].length)));
  const line = row =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ');
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  process.stdout.write(`\n${title}\n${line(rows[0])}\n${rule}\n${rows.slice(1).map(line).join('\n')}\n`);
}

/** FLOOR against one and two models, at every size. */
function costs(folder, startUp) {
  const rows = [['events', 'program', 'CPU / FLOOR', 'CPU', 'ns an event', 'peak memory']];
  for (const events of SIZES) {
    const file = join(folder, 'trace.ndjson');
    generate(file, events);
    const size = statSync(file).size;
    process.stderr.write(`${count(events)} events, ${Math.round(size / events)} bytes each: ${PAIRS} turns\n`);
    const runs = { FLOOR: [] };
    for (const name of Object.keys(MODELS)) runs[name] = [];
    for (let turn = 0; turn < PAIRS; turn++) {
      runs.FLOOR.push(measure(here('floor.mjs'), file));
      for (const [name, models] of Object.entries(MODELS)) runs[name].push(replay(file, models));
    }
    for (const [name, usages] of Object.entries(runs)) {
      const cpu = median(usages.map(usage => usage.cpu));
      const ratio = spread(usages.map((usage, turn) => usage.cpu / runs.FLOOR[turn].cpu));
      const each = Math.round(((cpu - startUp) / events) * 1e9);
      const peak = mebi(Math.max(...usages.map(usage => usage.rss)));
      rows.push([count(events), name, name === 'FLOOR' ? '1' : ratio, `${cpu.toFixed(2)} s`, String(each), peak]);
    }
    rmSync(file);
  }
  table(`Cost of a replay (median of ${PAIRS} turns [smallest .. largest])`, rows);
}

/** What an event costs when there are many VMAs: faults anywhere, and VMAs that come and go. */
function vmaCounts(folder) {
  const file = join(folder, 'vmas.ndjson');
  const bare = join(folder, 'bare.ndjson');
  const each = VMA_COUNTS.map(vmas => {
    generate(file, CHURN_EVENTS, vmas, CHURN);
    generate(bare, 0, vmas);
    process.stderr.write(`${count(vmas)} VMAs: ${PAIRS} turns\n`);
    const turns = Array.from({ length: PAIRS }, () => replay(file, 'v6.18').cpu - replay(bare, 'v6.18').cpu);
    return (median(turns) / CHURN_EVENTS) * 1e9;
  });
  table(`Cost of an event by number of VMAs (${CHURN * 100} % of events are operations; setting up not counted)`, [
    ['VMAs', 'ns an event', 'ratio'],
    ...VMA_COUNTS.map((vmas, at) => [count(vmas), String(Math.round(each[at])), (each[at] / each[0]).toFixed(2)]),
  ]);
}

if (!existsSync(here('../dist/bundle/start.js'))) {
  process.stderr.write('dist/ is missing: npm run build first\n');
  process.exit(2);
}
if (!(PAIRS >= 1)) {
  process.stderr.write('--pairs takes a number from 1\n');
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), 'vmalock-bench-'));
try {
  const startUp = median(Array.from({ length: PAIRS }, () => measure('-e', '0').cpu));
  process.stdout.write(
    `Node ${process.version}, ${availableParallelism()} CPUs, start-up of Node ${(startUp * 1000).toFixed(0)} ms CPU\n`,
  );
  costs(folder, startUp);
  vmaCounts(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
