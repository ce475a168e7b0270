/**
 * A series file: the JSON spelling of a stage, so that an unmerged posting can be tried with no build. Kept apart from
 * stage.ts so that zod is loaded only when such a file is.
 */
import * as z from 'zod';
import { Complaint, pathText, quote, shapeOf, type Where, wrongValue } from '../errors.js';
import type { StageData } from './stage.js';

const text = (least: number, most: number) => {
  const error = `must be text of ${least === 0 ? 'at most' : `${least} to`} ${most} characters`;
  const upTo = z.string({ error }).max(most, { error });
  return least === 0 ? upTo : upTo.min(least, { error });
};
const string = () => z.string({ error: 'must be a string' });

const change = z.strictObject(
  {
    answer: string().describe('one of the answers the site allows'),
    by: string().describe('subject or commit of the patch'),
  },
  { error: 'must be an object with "answer" and "by"' },
);

const ID = 'must be a word of at most 64 letters, digits, dots, dashes and underscores';
const DATE = 'must be a day, YYYY-MM-DD';
const names = ({ code }: { readonly code?: string }) =>
  code === 'invalid_key' ? 'must have a key of at most 60 characters' : 'must be an object of kernel functions';

/** The shape of a series file; published by `vmalock schema series`. */
export const stageSchema = z.strictObject(
  {
    $schema: string().describe('where this schema is').optional(),
    id: z
      .string({ error: ID })
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: ID })
      .describe('what --model takes'),
    title: text(1, 200).describe('subject of the series as mailed'),
    author: text(1, 100).describe('who mailed it'),
    date: z
      .string({ error: DATE })
      .regex(/^\d{4}-\d{2}-\d{2}$/, { error: DATE })
      .describe('day it was mailed, YYYY-MM-DD'),
    link: text(0, 300).describe('address or message id of the posting'),
    merged: text(0, 20).nullable().describe('release it came in; null when it was never merged'),
    commits: z
      .array(text(0, 60), { error: 'must be a list of commits' })
      .describe('its commits, where it was merged')
      .optional(),
    parent: string().nullable().describe('id of the stage it edits'),
    lock: change
      .optional()
      .describe('the VMA lock, when the series changes it: none, vm_sequence, mmap_seq, rwsem-seq or refcount'),
    names: z
      .record(text(0, 60), text(1, 60), { error: names })
      .optional()
      .describe('kernel functions the series calls otherwise: merged name to its own'),
    functions: z
      .record(text(0, 60), text(1, 60), { error: names })
      .optional()
      .describe('kernel functions its parent has otherwise: the one we speak of to what stands in its place'),
    changes: z
      .record(z.string(), change, { error: 'must be an object of answers by site' })
      .describe('site to answer: only what the series changed'),
  },
  { error: 'must be an object' },
);

/** Finds the place of what is at a path, or of its key. */
export type Finder = (path: string, what: 'value' | 'key') => Where;

/**
 * Checks the shape of a parsed series file. Throws a schema Complaint about the first key that is wrong.
 *
 * @param find how its place is found; by its path alone where absent
 */
export function parseStageFile(
  json: unknown,
  file: string,
  find: Finder = path => ({ file, path: path || undefined }),
): StageData {
  const { error, data } = stageSchema.safeParse(json);
  if (error === undefined) {
    const { $schema: _, ...stage } = data;
    return stage as StageData;
  }
  const [issue] = error.issues;
  const hint = 'vmalock schema series shows the shape';
  if (issue.code === 'unrecognized_keys') {
    const [key] = issue.keys;
    throw new Complaint('schema', `unknown key ${quote(key)}`, find(pathText([...issue.path, key]), 'key'), hint);
  }
  const message = issue.path.length > 0 ? wrongValue(json, issue) : `a series is an object, got ${shapeOf(json)}`;
  throw new Complaint('schema', message, find(pathText(issue.path), 'value'), hint);
}
