/**
 * The command line as its users see it. Each test/cli/*.md is a shell session: commands after `$ `, stdout as it is,
 * stderr after `! `, and an exit status other than 0 in brackets. The sessions are run and compared; `vitest run -u`
 * rewrites them.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';

const FOLDER = fileURLToPath(new URL('cli/', import.meta.url));
const BIN = fileURLToPath(new URL('../bin/vmalock.js', import.meta.url));

function run(command: string): Promise<string> {
  const script = `vmalock() { "${process.execPath}" "${BIN}" "$@"; }\n${command}`;
  const env = { PATH: process.env.PATH, HOME: '/', LC_ALL: 'C' };
  return new Promise(done => {
    const child = execFile('bash', ['-c', script], { cwd: FOLDER, env }, (error, stdout, stderr) => {
      const complaints = stderr.replace(/^(?=.)/gm, '! ');
      const status = error === null ? '' : `[exit ${error.code ?? error.signal}]\n`;
      done(`$ ${command}\n${stdout}${complaints}${status}`);
    });
    child.stdin?.end();
  });
}

/** The session of a file with every command run again. */
async function rerun(markdown: string): Promise<string> {
  const pieces = markdown.split(/^(```console\n[\s\S]*?^```$)/m);
  for (let i = 1; i < pieces.length; i += 2) {
    const commands = [...pieces[i].matchAll(/^\$ (.*)$/gm)].map(match => match[1]);
    const outputs: string[] = [];
    for (const command of commands) outputs.push(await run(command));
    pieces[i] = '```console\n' + outputs.join('') + '```';
  }
  return pieces.join('');
}

describe.concurrent('sessions', () => {
  const sessions = readdirSync(FOLDER).filter(name => name.endsWith('.md'));

  test.for(sessions)('%s', async (name, { expect }) => {
    const path = FOLDER + name;
    await expect(await rerun(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
  });
});
