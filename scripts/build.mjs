// Compiles src/ to dist/ from nothing, so that a file removed from src/ cannot live on in the package.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { page } from './page.mjs';

rmSync('dist', { recursive: true, force: true });
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = join(dirname(typescript), 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', '.'], { stdio: 'inherit' });
if (status === 0) {
  const { script, style } = page();
  writeFileSync('dist/page.js', script);
  writeFileSync('dist/page.css', style);
}
process.exit(status ?? 1);
