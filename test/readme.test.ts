/**
 * The documents tell the truth: every command in a ```console block is run and what it prints is compared with what is
 * shown, stderr included. A block like ```console jq is left alone where there is no jq. A block like ```json
 * my-series.json is a file the commands may use. `vitest run --update` rewrites the output; what a command should print
 * is for the author to judge.
 */
import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DOCUMENTS = ['README.md', 'src/lineage/README.md'];
const MAPS = ['README.md', 'CONTRIBUTING.md', 'src/README.md', 'src/lineage/README.md', 'traces/README.md'];

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmalock-readme-'));
  for (const name of ['traces', 'scripts']) symlinkSync(join(ROOT, name), join(folder, name));
  // A program and no function of the shell, so that xargs finds it.
  mkdirSync(join(folder, 'bin'));
  const script = `#!/bin/sh\nexec "${process.execPath}" "${ROOT}bin/vmalock.js" "$@"\n`;
  writeFileSync(join(folder, 'bin/vmalock'), script, { mode: 0o755 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string): Promise<string> {
  const script = `exec 2>&1\n${command}`;
  const env = { PATH: `${folder}/bin:${process.env.PATH}`, HOME: '/', LC_ALL: 'C' };
  return new Promise(done => {
    const child = execFile('bash', ['-c', script], { cwd: folder, env }, (_, stdout) => {
      done(`$ ${command}\n${stdout}`);
    });
    child.stdin?.end();
  });
}

/** Is the program there? */
const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;

/** The programs that blocks of a document need, beside what every machine has. */
function toolsOf(markdown: string): string[] {
  const named = [...markdown.matchAll(/^```console ([^\n]+)$/gm)].flatMap(([, tools]) => tools.split(' '));
  return [...new Set(named)];
}

/** A document with its files written out and its commands run again. */
async function rerun(markdown: string): Promise<string> {
  for (const [, name, text] of markdown.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)) {
    writeFileSync(join(folder, name), text);
  }
  const pieces = markdown.split(/^(```console[^\n]*\n[\s\S]*?^```$)/m);
  for (let i = 1; i < pieces.length; i += 2) {
    const [fence] = pieces[i].split('\n', 1);
    if (!toolsOf(pieces[i]).every(has)) continue;
    const outputs: string[] = [];
    for (const [, command] of pieces[i].matchAll(/^\$ (.*)$/gm)) outputs.push(await run(command));
    pieces[i] = `${fence}\n${outputs.join('')}\`\`\``;
  }
  return pieces.join('');
}

/** Relative links of a document whose target does not exist. */
function deadLinks(document: string, markdown: string): string[] {
  const base = join(ROOT, document, '..');
  return [...markdown.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
    .map(([, target]) => target)
    .filter(target => !existsSync(join(base, target)));
}

/** Words in backquotes that look like a file of ours but are none. */
function deadPaths(markdown: string): string[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
  return [...markdown.matchAll(/`([a-z][\w-]*(?:\/[\w.-]+)*\.ts)`/g)]
    .map(([, path]) => path)
    .filter(path => !existsSync(join(ROOT, path)) && !files.some(file => `/${file}`.endsWith(`/${path}`)));
}

describe('what the documents show is what happens', () => {
  test.for(DOCUMENTS)('%s', async document => {
    const path = join(ROOT, document);
    await expect(await rerun(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
  });

  const tools = DOCUMENTS.flatMap(document => toolsOf(readFileSync(join(ROOT, document), 'utf8')));

  // What a machine does not have is seen in the list of tests that were left out.
  test.for(tools)('%s is there for the commands that need it', (tool, { skip }) => {
    skip(!has(tool), `no ${tool} here: what is shown of it was not compared`);
  });

  test('output that is no longer true is found', async () => {
    const stale = '```console\n$ vmalock --version | cut -c 1-5\n0.0.0\n```\n';
    expect(await rerun(stale)).toBe(stale.replace('0.0.0', '0.1.0'));
  });
});

describe('what the documents point at exists', () => {
  test.for(MAPS)('%s', document => {
    const markdown = readFileSync(join(ROOT, document), 'utf8');
    expect(deadLinks(document, markdown)).toEqual([]);
    if (document === 'src/README.md') expect(deadPaths(markdown)).toEqual([]);
  });

  test('src/README.md lists every file that leaves something of the kernel out', () => {
    const map = readFileSync(join(ROOT, 'src/README.md'), 'utf8');
    const leaving = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter(path => path.endsWith('.ts'))
      .filter(path => / \* Leaves out:/.test(readFileSync(join(ROOT, 'src', path), 'utf8')))
      .map(path => basename(path));
    expect(leaving.filter(name => !map.includes(`- \`${name}\`:`))).toEqual([]);
  });

  test('a dead link and a file that is gone are found', () => {
    expect(deadLinks('README.md', '[a](src/README.md) [b](src/gone.md) [c](https://example.org/)')).toEqual([
      'src/gone.md',
    ]);
    expect(deadPaths('`kernel/fault.ts` `fault.ts` `kernel/gone.ts`')).toEqual(['kernel/gone.ts']);
  });
});
