/** Completion lists what the help lists: each shell is asked, where it is there. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { lineage } from '../../src/lineage/resolve.js';
import { COMMANDS, flagsOf, vmalock } from './command-tree.js';

const FOLDER = fileURLToPath(new URL('../cli/', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'vmalock-completion-'));

type Shell = 'bash' | 'zsh' | 'fish';

/** From the words so far, of which the last is being typed, to what it can be. */
const ASK: Readonly<Record<Shell, (script: string, words: readonly string[]) => string[]>> = {
  bash: (script, words) => {
    const asking = `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vmalock; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', asking, 'bash', ...words], {
      encoding: 'utf8',
      cwd: FOLDER,
      stdio: 'pipe',
    }).split('\n');
  },
  fish: (script, words) => {
    const asking = `source ${script}; complete -C ${JSON.stringify(words.join(' '))}`;
    const lines = execFileSync('fish', ['--no-config', '-c', asking], { encoding: 'utf8', cwd: FOLDER }).split('\n');
    return lines.map(line => line.split('\t')[0]);
  },
  zsh: (script, words) => {
    const line = words.join(' ');
    const out = execFileSync('zsh', ['-f', '-c', ZSH, 'zsh', script, line], { encoding: 'utf8', cwd: FOLDER });
    return [...out.matchAll(/MATCH:(\S+)/g)].map(([, match]) => match);
  },
};

/**
 * A zsh at a terminal of its own, which prints every match it is given when a tab is typed. What it is told first may be echoed, before
 * it hears not to: that it is ready is not said there in one word.
 */
const ZSH = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; stty -echo; autoload -U compinit; compinit -D -u; source $1"
zpty -w z 'compadd () {
  if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return $?; fi
  local -a hits; builtin compadd -A hits "$@"; builtin compadd "$@"; print -l -- MATCH:$^hits }
leave () { exit }; zle -N leave; bindkey "^M" leave; bindkey "^I" complete-word; echo REA""DY'
while zpty -r z line; do [[ $line == *READY* ]] && break; done
zpty -w -n z "$2"$'\\t\\r'
while zpty -r z line; do print -r -- "$line"; done
`;

const MODELS = lineage.map(({ id }) => id).filter(id => id.startsWith('v6.1'));

describe.each(['bash', 'zsh', 'fish'] as const)('completion for %s', shell => {
  const missing = spawnSync('sh', ['-c', `command -v ${shell}`]).status !== 0;
  const script = join(dir, `vmalock.${shell}`);
  writeFileSync(script, vmalock('completion', shell));
  const ask = (...words: string[]): string[] =>
    [...new Set(ASK[shell](script, words))].filter(word => word !== '').sort();

  test('has every command of the help, and every option of each', () => {
    const text = vmalock('completion', shell);
    for (const command of COMMANDS) expect(text).toContain(command);
    for (const command of COMMANDS.filter(name => name !== 'help')) {
      for (const flag of flagsOf(command)) expect(text).toContain(shell === 'fish' ? flag.replace(/^-+/, '') : flag);
    }
  });

  describe.skipIf(missing)(`as ${shell} gives it`, () => {
    test('commands', () => {
      expect(ask('vmalock', '').filter(word => !word.startsWith('-'))).toEqual([...COMMANDS].sort());
    });

    test.for(COMMANDS.filter(name => name !== 'help'))('exactly the options that %s --help lists', command => {
      const long = flagsOf(command).filter(flag => flag.startsWith('--'));
      expect(ask('vmalock', command, '--')).toEqual([...long].sort());
    });

    test('words an option can be', () => {
      expect(ask('vmalock', 'replay', '--format', '')).toEqual(['csv', 'json', 'markdown', 'ndjson', 'table', 'tsv']);
      expect(ask('vmalock', 'convert', '--to', 'd')).toEqual(['document']);
      expect(ask('vmalock', 'completion', 'z')).toEqual(['zsh']);
      expect(ask('vmalock', 'schema', 'di')).toEqual(['diff', 'diff-traces']);
    });

    test('models, in lists too; fields; files', () => {
      expect(ask('vmalock', 'models', 'v6.1')).toEqual([...MODELS].sort());
      expect(ask('vmalock', 'diff', 'traces/heap.json', 'v6.1')).toEqual([...MODELS].sort());
      const inList = ask('vmalock', 'replay', '-m', 'v6.4,v6.1').map(word => word.replace(/^v6\.4,/, ''));
      expect(inList).toEqual([...MODELS].sort());
      const fields = ask('vmalock', 'replay', '--fields', 'model,fau').map(word => word.replace(/^model,/, ''));
      expect(fields).toEqual(['fault_wait_ns', 'faults']);
      expect(ask('vmalock', 'replay', 'repl')).toEqual(['replay.md']);
    });
  });
});

describe('what bash does by itself', () => {
  const script = join(dir, 'vmalock.bash');

  test('it cuts --format=json in three', () => {
    expect(ASK.bash(script, ['vmalock', 'replay', '--format', '=', 'js'])).toContain('json');
    expect(ASK.bash(script, ['vmalock', 'replay', '--format', '='])).toContain('json');
  });

  test('the value of an option is no place of the command', () => {
    expect(ASK.bash(script, ['vmalock', 'diff', '--timing', 'closed', 'README.md', 'v6.5', 'v7.'])).toContain('v7.2');
  });
});
