/**
 * From a bad event or header to complaints with their place: the schema words what has the wrong shape, the draft's
 * check what cannot have happened.
 */
import { Complaint, cutText, invariant, nearest, pathText, quote, shapeOf, type Where, wrongValue } from '../errors.js';
import { OPS } from '../vocab.js';
import type { TraceInfo } from './columns.js';
import * as draft from './draft.js';
import { isForeign, isObject } from './encode.js';
import type { Frames } from './frame.js';
import type { JsonObject, JsonValue, Spot } from './json.js';
import { nearestTo } from './places.js';

/** The path of what is at `path` in an event. */
function pathOf({ spelling }: Frames, index: number, path: string): string | undefined {
  const event = spelling === 'document' ? `events[${index}]` : spelling === 'array' ? `[${index}]` : '';
  return [event, path].filter(part => part !== '').join('.') || undefined;
}

/** Everything that is wrong with the event of the last step, which did not pass encodeEvent() and Draft.check(); something is. */
export async function eventComplaints(
  frames: Frames,
  value: JsonValue,
  problem: number,
  index: number,
  latest: draft.Draft,
): Promise<Complaint[]> {
  const at = (path: string): string | undefined => pathOf(frames, index, path);
  const spots = new Map<string, Spot>();
  frames.value(spots);
  const hereFor = (path: string): number => nearestTo(spots, path).value;
  if (!isObject(value)) {
    const found = shapeOf(value);
    const message =
      index === 0 ? `not a vmalock trace: the first event is ${found}` : `an event is an object, got ${found}`;
    return [frames.complaint('schema', message, frames.start, 'an event is {"op":...}', at(''))];
  }
  const op = value.op;
  if (typeof op !== 'string' || !(OPS as readonly string[]).includes(op)) return [badOp(frames, op, hereFor('op'), at)];
  if (problem > draft.NOT_THIS_SHAPE) {
    const { path, message, hint } = problemText(problem, value, latest);
    return [frames.complaint('semantic', message, hereFor(path), hint, at(path))];
  }
  const { TraceEventSchema } = await import('./schema.js');
  const { error } = TraceEventSchema.safeParse(value);
  invariant(error !== undefined, `line ${frames.line}: refused by hand and accepted by the schema`);
  return error.issues.map(issue => {
    const path = pathText(issue.path);
    const here = hereFor(path);
    return frames.complaint(
      'schema',
      wrongValue(value, issue, frames.text(here)),
      here,
      `see the keys of ${op}: vmalock schema trace`,
      at(path),
    );
  });
}

function badOp(
  frames: Frames,
  op: JsonValue | undefined,
  offset: number,
  at: (path: string) => string | undefined,
): Complaint {
  if (op === undefined)
    return frames.complaint('schema', '"op" is missing', offset, `it is one of ${OPS.join(' ')}`, at('op'));
  if (typeof op !== 'string')
    return frames.complaint(
      'schema',
      `"op" must be a word, got ${cutText(JSON.stringify(op))}`,
      offset,
      `it is one of ${OPS.join(' ')}`,
      at('op'),
    );
  const near = nearest(op, OPS);
  const meant = near === undefined ? '' : `, did you mean ${near}`;
  return frames.complaint(
    'schema',
    `unknown op ${quote(op)}${meant}`,
    offset,
    `known: ${OPS.join(' ')}; your own begin with x-`,
    at('op'),
  );
}

function problemText(
  problem: number,
  value: JsonObject,
  latest: draft.Draft,
): { path: string; message: string; hint: string } {
  const spell = (key: string): string => cutText(String(value[key]));
  switch (problem) {
    case draft.BACKWARDS:
      return {
        path: 't',
        message: `time runs backwards: t ${spell('t')} after ${latest.lastT}`,
        hint: 'sort the events by t',
      };
    case draft.LOCKS_DISORDER:
      return { path: 'locks', message: 'a lock section has ask > got or got > end', hint: 'ask <= got <= end' };
    case draft.UNALIGNED: {
      const key = latest.low[draft.KEY.addr] !== 0 ? 'addr' : value.op === 'mremap' ? 'new_addr' : 'offset';
      return {
        path: key,
        message: `"${key}" of ${value.op} is not page aligned: ${spell(key)}`,
        hint: 'the kernel refuses such a call (EINVAL); a call that failed is "other"',
      };
    }
    case draft.EMPTY: {
      const key = value.op === 'mremap' ? 'new_len' : 'len';
      return {
        path: key,
        message: `"${key}" of ${value.op} is 0`,
        hint: 'the kernel refuses such a call (EINVAL); a call that failed is "other"',
      };
    }
    default: {
      const key = value.op !== 'mremap' ? 'len' : latest.oldRangeWraps() ? 'old_len' : 'new_len';
      return {
        path: key,
        message: `the range wraps around 2^64: "${key}" is ${spell(key)}`,
        hint: 'addr + len is at most 2^64',
      };
    }
  }
}

/** Everything that is wrong with the header or document, which did not pass readHeader(); something is. */
export async function headerComplaints(frames: Frames): Promise<Complaint[]> {
  const { TraceHeaderSchema } = await import('./schema.js');
  const { head } = frames;
  const { error } = TraceHeaderSchema.safeParse(head);
  invariant(error !== undefined, 'a header that was refused by hand is accepted by the schema');
  const places = frames.headPlaces();
  return error.issues.map(issue => {
    const path = pathText(issue.path);
    const where = { file: frames.file, ...places.value(path), path };
    return new Complaint('schema', wrongValue(head, issue), where, headerHint(frames, path));
  });
}

/** What a header has beside its format is told by the schema. */
function headerHint({ spelling }: Frames, path: string): string {
  if (path !== 'format' && path !== 'version') return 'see the header: vmalock schema trace';
  if (spelling === 'document') return 'a document is {"format":"vmalock-trace","version":1,"events":[...]}';
  return 'the first line is {"format":"vmalock-trace","version":1}';
}

/** The complaints about ids in `expect` that are none of `models`, nor the user's own. */
export function unknownModels(frames: Frames, { expect }: TraceInfo, models?: readonly string[]): Complaint[] {
  if (models === undefined) return [];
  const ids = Object.keys(expect ?? {}).filter(id => !models.includes(id) && !isForeign(id));
  if (ids.length === 0) return [];
  const places = frames.headPlaces();
  return ids.map(id => {
    const path = `expect.${id}`;
    const near = nearest(id, models);
    const meant = near === undefined ? '' : `, did you mean ${near}`;
    const where = { file: frames.file, ...places.key(path), path };
    return new Complaint('schema', `no model ${quote(id)}${meant}`, where, EXPECTED_MODELS);
  });
}

const EXPECTED_MODELS = 'an id of vmalock models, of a series that replay is given, or one that begins with x-';

/** The complaints of `--strict` about keys of the header. */
export function unknownHeaderKeys(frames: Frames, keys: readonly string[]): Complaint[] {
  const places = frames.headPlaces();
  return keys.map(key => unknownKey(key, { file: frames.file, ...places.key(key), path: key }));
}

/** The complaints of `--strict` about keys of the event of the last step. */
export function unknownEventKeys(frames: Frames, keys: readonly string[], index: number): Complaint[] {
  const spots = new Map<string, Spot>();
  frames.value(spots);
  return keys.map(key => {
    const place = frames.place(nearestTo(spots, key).key);
    return unknownKey(key, { file: frames.file, ...place, path: pathOf(frames, index, key) });
  });
}

function unknownKey(key: string, where: Where): Complaint {
  const hint = 'leave out --strict, or begin keys of your own with x-';
  return new Complaint('schema', `unknown key ${quote(key)}`, where, hint);
}
