import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { COMMANDS, examplesOf, flagsOf, vmalock } from './command-tree.js';

const hasGroff = spawnSync('sh', ['-c', 'command -v groff']).status === 0;
const roff = vmalock('man');
const own = COMMANDS.filter(name => name !== 'help');

/** The part about one command, minus signs as they are typed. */
const section = (command: string): string =>
  (roff.split(`.SS "${command}"\n`)[1] ?? '').split(/^\.S[SH] /m)[0].replaceAll('\\-', '-');

describe('the manual page', () => {
  test.for(own)('lists exactly the options that %s --help lists', command => {
    const listed = [...section(command).matchAll(/^\.B (-.*)$/gm)].flatMap(([, term]) =>
      term.match(/(?<![\w-])--?[\w-]+/g),
    );
    expect(listed).toEqual(flagsOf(command));
  });

  test.for(own)('shows the examples of %s', command => {
    for (const example of examplesOf(command)) expect(section(command)).toContain(example);
  });

  test('no line begins a request by accident', () => {
    const requests = new Set(roff.match(/^[.'].[A-Za-z]*/gm));
    expect([...requests].sort()).toEqual(
      ['.B', '.BR', '.I', '.PP', '.SH', '.SS', '.TH', '.TP', '.\\', '.br', '.fi', '.nf'].sort(),
    );
  });

  test.skipIf(!hasGroff)('groff has nothing to complain about', () => {
    const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8'], { input: roff, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toContain('vmalock.config.json');
  });
});

describe('the help', () => {
  test.for(own)('of %s has examples, and each uses options it lists', command => {
    const examples = examplesOf(command);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) {
      expect(example).toMatch(new RegExp(`^vmalock ${command}(?: |$)`));
      const [line] = example.split(/ (?:--|\|) /);
      const used = line.match(/(?<= )--?[a-z][\w-]*/g) ?? [];
      for (const flag of used) expect(flagsOf(command), example).toContain(flag);
    }
  });
});
