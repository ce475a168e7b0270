/**
 * A series file: the JSON spelling of a stage, so that an unmerged posting can be tried with no build. Kept apart from
 * stage.ts so that zod is loaded only when such a file is.
 */
import * as z from 'zod';
import { Complaint } from '../errors.js';
import type { StageData } from './stage.js';

const change = z.strictObject({
  answer: z.string().describe('one of the answers the site allows'),
  by: z.string().describe('subject or commit of the patch'),
});

/** The shape of a series file; published by `vmalock schema series`. */
export const stageSchema = z.strictObject({
  $schema: z.string().describe('where this schema is').optional(),
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
    .describe('what --model takes'),
  title: z.string().min(1).max(200).describe('subject of the series as mailed'),
  author: z.string().min(1).max(100).describe('who mailed it'),
  date: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/)
    .describe('day it was mailed, YYYY-MM-DD'),
  link: z.string().max(300).describe('address or message id of the posting'),
  merged: z.string().max(20).nullable().describe('release it came in; null when it was never merged'),
  commits: z.array(z.string().max(60)).describe('its commits, where it was merged').optional(),
  parent: z.string().nullable().describe('id of the stage it edits'),
  lock: change
    .optional()
    .describe('the VMA lock, when the series changes it: none, vm_sequence, mmap_seq, rwsem-seq or refcount'),
  names: z
    .record(z.string().max(60), z.string().min(1).max(60))
    .optional()
    .describe('kernel functions the series calls otherwise: merged name to its own'),
  changes: z.record(z.string(), change).describe('site to answer: only what the series changed'),
});

/** Checks the shape of a parsed series file. Throws a schema Complaint naming `file` and the first wrong key. */
export function parseStageFile(json: unknown, file: string): StageData {
  const parsed = stageSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Complaint(
      'schema',
      issue.message,
      { file, path: issue.path.join('.') },
      'vmalock schema series shows the shape',
    );
  }
  const { $schema: _, ...data } = parsed.data;
  return data as StageData;
}
