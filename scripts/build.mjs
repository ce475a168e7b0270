/**
 * Compiles src/ to dist/ from nothing, so that a file removed from src/ cannot live on in the package. Then the command
 * line, which starts once for every trace, is put together into few files: finding 140 modules takes Node longer than
 * replaying a small trace. Beside it are the commit it was built from, and the manual page.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import { page } from './page.mjs';

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Not known outside a clone. */
function commit() {
  const git = spawnSync('git', ['describe', '--always', '--dirty', '--abbrev=12', '--exclude=*'], { encoding: 'utf8' });
  return git.status === 0 ? git.stdout.trim() : undefined;
}

rmSync('dist', { recursive: true, force: true });
const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
run(join(dirname(typescript), 'bin', 'tsc'), '-p', '.');

const { script, style } = page();
writeFileSync('dist/page.js', script);
writeFileSync('dist/page.css', style);

// zod is large and seldom needed: it stays where npm puts it.
const bundle = await rolldown({
  input: ['dist/cli/start.js', 'dist/cli/parse-thread.js'],
  platform: 'node',
  external: [/^node:/, 'zod'],
  checks: { ineffectiveDynamicImport: false },
});
await bundle.write({
  dir: 'dist/bundle',
  format: 'esm',
  // Node reads every character of it at each start; the names stay, for a bug's stack trace
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
});

writeFileSync('dist/build.json', `${JSON.stringify({ commit: commit() })}\n`);
run('bin/vmalock.js', 'man', '--no-config', '-o', 'dist/vmalock.1');
