/** The order of events: each has its place from when it begins, and is handed out when all before it are over. */
import { expect, test } from 'vitest';
import { Outbox } from '../../src/trace/import/outbox.js';

const event = (t: number) => ({ t, tid: 1, op: 'exit' });
const times = (events: readonly { t: number }[]) => events.map(({ t }) => t);

test('an entry holds back what comes after it until it is filled', () => {
  const outbox = new Outbox();
  const first = outbox.open();
  outbox.add(event(2));
  const seen: ReturnType<typeof event>[] = [];
  outbox.drain(seen);
  expect([times(seen), outbox.length, first.queued]).toEqual([[], 2, true]);
  outbox.close(first, [event(1)]);
  outbox.drain(seen);
  expect([times(seen), outbox.length, first.queued, outbox.late]).toEqual([[1, 2], 0, false, 0]);
});

test('beyond the limit the oldest is handed out empty, and what comes for it later is counted', () => {
  const outbox = new Outbox();
  const [early, empty] = [outbox.open(), outbox.open()];
  for (let t = 0; t < 3; t++) outbox.add(event(t));
  const seen: ReturnType<typeof event>[] = [];
  outbox.drain(seen, 5);
  expect([times(seen), outbox.length]).toEqual([[], 5]);
  outbox.drain(seen, 4);
  expect([times(seen), outbox.length, early.queued, empty.queued]).toEqual([[], 4, false, true]);
  outbox.drain(seen, 0);
  outbox.close(early, [event(9)]);
  outbox.close(empty, []);
  expect([times(seen), outbox.length, outbox.late]).toEqual([[0, 1, 2], 0, 1]);
});

test('the order is that of the entries, however many there are', () => {
  const outbox = new Outbox();
  const seen: ReturnType<typeof event>[] = [];
  const open = outbox.open();
  for (let t = 1; t < 3_000; t++) outbox.add(event(t));
  outbox.close(open, [event(0)]);
  const last = outbox.open();
  outbox.drain(seen);
  expect([seen.length, outbox.length]).toEqual([3_000, 1]);
  outbox.add(event(3_001));
  outbox.close(last, [event(3_000)]);
  outbox.drain(seen);
  expect(times(seen)).toEqual(Array.from({ length: 3_002 }, (_, t) => t));
});
