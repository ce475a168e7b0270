/** A shell's completion script: what the help lists, as data, and then in the words of that shell. */
import type { Command } from 'commander';
import { lineage } from '../../lineage/resolve.js';
import { CHANGE_FIELDS, diffFields } from '../../report/diff.js';
import { diffTracesFields } from '../../report/diff-traces.js';
import { EVENT_FIELDS, reportFields } from '../../report/fields.js';
import { IMPORTERS } from '../../trace/import/index.js';
import { METRIC_NAMES } from '../fail-if.js';
import { bashScript } from './bash.js';
import { fishScript } from './fish.js';
import { treeOf, type Vocabulary } from './tree.js';
import { zshScript } from './zsh.js';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
export type Shell = keyof typeof SCRIPTS;

/** The script that teaches `shell` the commands of `program`. */
export function completionScript(program: Command, shell: Shell): string {
  return SCRIPTS[shell](treeOf(program, vocabulary()));
}

function vocabulary(): Vocabulary {
  const unique = (...names: (readonly string[])[]): string[] => [...new Set(names.flat())];
  return {
    models: [...lineage.map(({ id }) => id), 'per-vma', 'all'],
    importers: IMPORTERS.map(({ name }) => name),
    metrics: METRIC_NAMES,
    fields: {
      replay: unique(reportFields('json', true), EVENT_FIELDS),
      diff: unique(diffFields('json'), CHANGE_FIELDS, diffTracesFields('json'), diffTracesFields('csv')),
    },
  };
}
