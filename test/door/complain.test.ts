import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const DIST = new URL('../../dist/', import.meta.url).href;

/** Runs `fail` on an error in a process of its own; what it says, and the status it returns. */
function failing(error: string, env: NodeJS.ProcessEnv = {}, before = ''): Promise<{ stderr: string; status: number }> {
  const script = `
    import { Bug, Complaint } from '${DIST}errors.js';
    import { complain, fail, note, voice, warn } from '${DIST}cli/complain.js';
    ${before}
    process.exitCode = fail(${error}, ['node', 'vmalock', 'replay', "it's mine.json", '-m', 'all']);`;
  return new Promise(done => {
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    const options = { cwd, env: { PATH: process.env.PATH, ...env } };
    execFile(process.execPath, ['--input-type=module', '-e', script], options, (failed, _, stderr) => {
      done({ stderr, status: Number(failed?.code ?? 0) });
    });
  });
}

describe('what stops a run', () => {
  test('a complaint is one line with its place, class and hint, exit 2', async () => {
    const complaint = `new Complaint('schema', 'wants 1, got "\\u009b"', { file: 'a\\u001b[2J', line: 4, column: 2 }, 'give 1')`;
    expect(await failing(complaint)).toEqual({
      stderr: 'vmalock: a\\x1b[2J:4:2: schema: wants 1, got "\\x9b" (give 1)\n',
      status: 2,
    });
  });

  test('or one JSON object', async () => {
    const complaint = `new Complaint('limit', 'too\\nlong', { file: 'a', line: 4, path: 'events[3]' })`;
    const { stderr } = await failing(complaint, {}, 'voice.json = true;');
    expect(stderr.trimEnd()).not.toContain('\n');
    expect(JSON.parse(stderr)).toEqual({
      level: 'error',
      class: 'limit',
      file: 'a',
      line: 4,
      column: null,
      path: 'events[3]',
      message: 'too\\x0along',
      hint: null,
    });
  });

  test('a path is said where the message does not say it', async () => {
    const { stderr } = await failing(`new Complaint('schema', 'is missing', { file: 'a', path: 'events[3].addr' })`);
    expect(stderr).toBe('vmalock: a: schema: events[3].addr: is missing\n');
  });

  test("the system's errors are io, exit 2", async () => {
    const error = `Object.assign(new Error('x'), { syscall: 'open', code: 'EACCES', path: 'a' })`;
    expect(await failing(error)).toEqual({ stderr: 'vmalock: a: io: open: permission denied (EACCES)\n', status: 2 });
  });

  test('a bug says how to see it again, without a stack, exit 70', async () => {
    expect(await failing(`new Bug('counts differ')`)).toEqual({
      stderr:
        'vmalock: bug: this is a bug in vmalock: counts differ ' +
        "(please report it with: vmalock replay 'it'\\''s mine.json' -m all)\n",
      status: 70,
    });
  });

  test('with VMALOCK_DEBUG its stack follows', async () => {
    const { stderr, status } = await failing(`new TypeError('x')`, { VMALOCK_DEBUG: '1' });
    expect(stderr).toMatch(/^vmalock: bug: .*TypeError: x .*\nTypeError: x\n +at /);
    expect(status).toBe(70);
  });

  test('-q silences warnings, not answers', async () => {
    const said = `voice.quiet = true; warn('w'); note('n', { file: 'a' });`;
    expect((await failing(`new Bug('b')`, {}, said)).stderr).toMatch(/^vmalock: a: n\nvmalock: bug: /);
    expect((await failing(`new Bug('b')`, {}, `warn('w', { file: 'a' });`)).stderr).toMatch(
      /^vmalock: warning: a: w\n/,
    );
  });
});
