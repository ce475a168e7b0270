// Compiles src/ to dist/ from nothing, so that a file removed from src/ cannot live on in the package.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

rmSync('dist', { recursive: true, force: true });
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
const tsc = join(dirname(typescript), 'bin', 'tsc');
process.exit(spawnSync(process.execPath, [tsc, '-p', '.'], { stdio: 'inherit' }).status ?? 1);
