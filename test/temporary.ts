/** Everything that tests write lies in one folder, which goes with the last of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'vmalock-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true });
}
