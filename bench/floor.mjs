/**
 * FLOOR, the yardstick of the benchmark: what it costs merely to read a trace the plain way. 1 MiB chunks, lines split
 * with Buffer.indexOf, JSON.parse of each, two fields looked at.
 *
 *     node bench/floor.mjs FILE
 */
import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
const LF = 10;

const file = openSync(process.argv[2], 'r');
let lines = 0;
let touched = 0;

function take(line) {
  const event = JSON.parse(line.toString('latin1'));
  lines++;
  if (event.op === 'fault') touched += event.tid;
}

// What is left of a line stays at the front of the buffer, the next chunk goes behind it.
const buffer = Buffer.allocUnsafe(2 * CHUNK);
let kept = 0;
for (;;) {
  const read = readSync(file, buffer, kept, CHUNK, null);
  if (read === 0) break;
  const text = buffer.subarray(0, kept + read);
  let start = 0;
  for (let end = text.indexOf(LF); end >= 0; end = text.indexOf(LF, start)) {
    take(text.subarray(start, end));
    start = end + 1;
  }
  kept = text.copy(buffer, 0, start);
}
if (kept > 0) take(buffer.subarray(0, kept));
closeSync(file);
process.stdout.write(`${lines} ${touched}\n`);
