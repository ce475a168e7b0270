/** The few habits that a machine can check. */
import { bare, DATED, grep, type Rule } from './source.js';

const LINE_LIMIT = 400;

export const HABIT_RULES: readonly Rule[] = [
  {
    name: 'no clock, no chance, no locale in the core',
    think:
      'Same input, same bytes, on every run and machine: time comes from the trace, chance from a seed, spelling from units.ts.',
    find: grep(
      /\bnew Date\b|\bDate\.\w+|\bperformance\.\w+|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\btoLocale\w+|\blocaleCompare\b|\bIntl\.\w+/g,
      bare,
      path => !path.startsWith('cli/'),
    ),
    bad: [
      { 'replay/run.ts': 'const seed = Date.now();' },
      { 'engine/engine.ts': 'const start = performance.now();' },
      { 'kernel/mm.ts': 'if (Math.random() < 0.5) return;' },
      { 'report/table.ts': 'names.sort((a, b) => a.localeCompare(b));' },
    ],
    good: {
      'engine/engine.ts': "/** Not Date.now(). */ const word = 'Math.random';",
      'cli/progress.ts': 'performance.now();',
    },
  },
  {
    name: `no file above ${LINE_LIMIT} lines`,
    think: 'Split it by a noun of the kernel, not by size.',
    find: files =>
      files
        .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
        .filter(({ lines }) => lines > LINE_LIMIT)
        .map(({ path, lines }) => `${path}: ${lines} lines`),
    bad: [{ 'kernel/mm.ts': '\n'.repeat(LINE_LIMIT + 1) }],
    good: { 'kernel/mm.ts': '\n'.repeat(LINE_LIMIT) },
  },
  {
    name: 'every file opens by saying what it is',
    think: 'One sentence in a comment on the first line: a reader decides there whether to read on.',
    find: files =>
      files.filter(({ text }) => !/^\/\*\*\s*\S/.test(text)).map(({ path }) => `${path}: no opening comment`),
    bad: [{ 'kernel/mm.ts': "import { x } from './vma.js';" }],
    good: { 'kernel/mm.ts': '/** mm_struct. */\n' },
  },
  {
    name: 'no default exports but the data of a series, and no any',
    think: 'A name is how people find things; a type is how they trust them.',
    find: files => [
      ...grep(/\bexport default\b/g, bare, path => !DATED.test(path))(files),
      ...grep(/[:<|,&(]\s*any\b(?!\s*[:(])|\bas any\b|=>\s*any\b/g, bare)(files),
    ],
    bad: [
      { 'kernel/mm.ts': 'export default class Mm {}' },
      { 'kernel/mm.ts': 'function f(x: any) {}' },
      { 'kernel/mm.ts': 'const y = x as any;' },
      { 'kernel/mm.ts': 'let y: Map<string, any>;' },
    ],
    good: {
      'lineage/2024-01-first.ts': 'export default {};',
      'kernel/vma.ts': "/** userfaultfd_armed(): any mode. */ const any = 'as any';",
    },
  },
  {
    name: 'words: the kernel’s own, and nothing left for later',
    think:
      'mmap_sem is mmap_lock since 5.8; nobody "unlocks" a VMA, marks end with the mmap_lock write section; what is unfinished is not committed.',
    find: files => [
      ...grep(
        /mmap_sem(?! before 5\.8)/g,
        text => text,
        path => !DATED.test(path),
      )(files),
      ...grep(/\bunlock(?:s|ed|ing)?\s+(?:the\s+|a\s+|its\s+|every\s+)?VMA\b/gi, text => text)(files),
      ...grep(/\b(?:TODO|FIXME|XXX|HACK)\b/g, text => text)(files),
    ],
    bad: [
      { 'kernel/mm.ts': '/** Takes mmap_sem. */' },
      { 'kernel/mm.ts': '// then we unlock the VMA' },
      { 'kernel/mm.ts': '// TODO: mremap' },
    ],
    good: {
      'kernel/mmap-lock.ts': '/** the rw_semaphore of an mm (mmap_sem before 5.8) */',
      'lineage/2022-01-spf.ts': '/** mmap_sem as mailed */',
    },
  },
];
