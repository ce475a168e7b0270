/** Does a trace hold anything that an importer concluded? A look at its bytes, much sooner over than a replay. */
import { canReadAgain, readBytes } from './input.js';
import type { Limited } from './limits.js';

const KEY = Buffer.from('"x-inferred"');
/** Any character may be spelt so. */
const ESCAPE = Buffer.from('\\u');

/**
 * False where no event of the file at `path` carries `x-inferred`; true also where that cannot be told: of what is read only
 * once, of what is damaged, and where characters are escaped.
 */
export async function mayInfer(path: string, { maxWindow }: Limited<'maxWindow'> = {}): Promise<boolean> {
  if (!(await canReadAgain(path))) return true;
  let tail = Buffer.alloc(0);
  try {
    for await (const chunk of readBytes(path, { maxWindow })) {
      const bytes = Buffer.concat([tail, chunk]);
      if (bytes.includes(KEY) || bytes.includes(ESCAPE)) return true;
      tail = bytes.subarray(-KEY.length);
    }
  } catch {
    // who replays it is told why
    return true;
  }
  return false;
}
