/** Does a trace hold anything that an importer concluded? A look at its bytes, much sooner over than a replay. */
import { canReadAgain, readBytes } from './input.js';
import { LIMITS, type Limited } from './limits.js';
import type { Rereading } from './rereading.js';

const KEY = Buffer.from('"x-inferred"');
const LF = 10;
/** Any character may be spelt so. */
const ESCAPE = Buffer.from('\\u');

/**
 * False where no event of the file at `path` carries `x-inferred`; true also where that cannot be told: of what is read only
 * once, of what is damaged or has longer lines than are read, and where characters are escaped.
 */
export async function mayInfer(
  path: string,
  limits: Limited<'maxLine' | 'maxWindow'> = {},
  rereading?: Rereading,
): Promise<boolean> {
  const { maxLine = LIMITS.maxLine.standard, maxWindow } = limits;
  let line = 0;
  if (!(await canReadAgain(path))) return true;
  let tail = Buffer.alloc(0);
  try {
    for await (const chunk of readBytes(path, { maxWindow, rereading })) {
      const bytes = Buffer.concat([tail, chunk]);
      if (bytes.includes(KEY) || bytes.includes(ESCAPE)) return true;
      tail = bytes.subarray(-KEY.length);
      const end = chunk.lastIndexOf(LF);
      line = end < 0 ? line + chunk.length : chunk.length - end;
      if (line > maxLine) return true;
    }
  } catch {
    // who replays it is told why
    return true;
  }
  return false;
}
