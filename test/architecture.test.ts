/**
 * The house, as a test: which floor may see which, and the few habits a machine can check. Each rule is a function over
 * files and says what to think when it is broken; beside it stand samples in which it must find something.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SERIES } from '../src/lineage/index.js';

interface Source {
  /** below src/, with slashes */
  path: string;
  text: string;
}

interface Rule {
  name: string;
  /** what to think when it is broken */
  think: string;
  /** what is wrong, one line each: `path: what` */
  find(files: readonly Source[]): string[];
  /** each, as files of their own, must be found */
  bad: readonly Readonly<Record<string, string>>[];
  /** must be left alone */
  good: Readonly<Record<string, string>>;
}

/** `target` is a path below src/ for a file of ours, else the package. */
type Import = { target: string; ours: boolean; typeOnly: boolean };

const LINE_LIMIT = 400;
const DATED = /^lineage\/(\d{4}-\d{2})-[a-z0-9.-]+\.ts$/;
const STRING = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const STRING_OR_COMMENT = new RegExp(`${STRING.source}|/\\*[\\s\\S]*?\\*/|//[^\\n]*`, 'g');

/** The text without its comments. */
const code = (text: string) => text.replace(STRING_OR_COMMENT, part => (/^\/[/*]/.test(part) ? ' ' : part));
/** The text without its comments and with its strings emptied. */
const bare = (text: string) => code(text).replace(STRING, "''");

function importsOf({ path, text }: Source): Import[] {
  const found = code(text).matchAll(
    /^\s*(?:import|export)\b(?<clause>[^;'"()]*?)\bfrom\s*'(?<from>[^']+)'|(?<!['\w.])import\s*\(?\s*'(?<bare>[^']+)'/gm,
  );
  return [...found].map(({ groups }) => {
    const { clause = '', from, bare: alone } = groups as Record<string, string | undefined>;
    const name = from ?? alone ?? '';
    const ours = name.startsWith('.');
    const names = /^\s*\{(.*)\}\s*$/s
      .exec(clause)?.[1]
      .split(',')
      .filter(part => part.trim() !== '');
    const typeOnly = /^\s*type\b/.test(clause) || (names?.every(part => /^\s*type\s/.test(part)) ?? false);
    const target = ours ? posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts') : name;
    return { target, ours, typeOnly };
  });
}

const FLOOR_0 = /^(units|vocab|errors|random)\.ts$/;

/** Who may import what. `types` may be imported as types only. The first row that fits a path is its row. */
const FLOORS: readonly { floor: RegExp; may: RegExp; types?: RegExp; packages?: RegExp }[] = [
  { floor: FLOOR_0, may: /^$/, types: FLOOR_0 },
  { floor: /^engine\//, may: /^engine\// },
  { floor: /^trace\//, may: /^trace\//, packages: /^(zod|node:(fs|fs\/promises|stream|zlib|child_process))$/ },
  { floor: /^kernel\/stage-file\.ts$/, may: /^kernel\//, packages: /^zod$/ },
  { floor: /^kernel\//, may: /^(kernel|engine)\//, types: /^trace\// },
  { floor: DATED, may: /^$/, types: /^kernel\/stage\.ts$/ },
  { floor: /^lineage\//, may: /^(lineage\/|kernel\/stage\.ts$)/ },
  { floor: /^replay\/[\w-]*schema\.ts$/, may: /^replay\//, packages: /^zod$/ },
  { floor: /^replay\//, may: /^(engine|trace|kernel|lineage|replay)\// },
  { floor: /^report\//, may: /^report\//, types: /^replay\/result\.ts$/, packages: /^(chalk|cli-table3)$/ },
  { floor: /^cli\//, may: /^\w/, packages: /^(commander|zod|node:.*)$/ },
  { floor: /^index\.ts$/, may: /^\w/ },
];

/** Every match of `pattern` in what `view` shows of a file, where `applies`. */
const grep =
  (pattern: RegExp, view: (text: string) => string, applies: (path: string) => boolean = () => true) =>
  (files: readonly Source[]): string[] =>
    files
      .filter(({ path }) => applies(path))
      .flatMap(({ path, text }) => [...view(text).matchAll(pattern)].map(([found]) => `${path}: ${found.trim()}`));

/** The global; importers have variables of that name. */
const PROCESS =
  /(?<![.\w])process\.(?:argv|cwd|emitWarning|env|exit|exitCode|hrtime|kill|memoryUsage|nextTick|on|once|pid|platform|std(?:in|out|err))\b/g;

const STAGE_IDS = SERIES.map(stage => stage.id).filter(id => id !== 'mmap_lock');

const RULES: readonly Rule[] = [
  {
    name: 'imports go down only; engine and trace are blind to each other',
    think:
      'Either it stands on the wrong floor, or the floor below must offer more. A floor that knows the one above cannot be read alone.',
    find: files =>
      files.flatMap(file => {
        const row = FLOORS.find(({ floor }) => floor.test(file.path));
        if (row === undefined) return [`${file.path}: stands on no floor`];
        return importsOf(file)
          .filter(({ target, ours, typeOnly }) => {
            if (!ours) return !row.packages?.test(target);
            const below = FLOOR_0.test(target) && !FLOOR_0.test(file.path) && !DATED.test(file.path);
            return !below && !row.may.test(target) && !(typeOnly && row.types?.test(target));
          })
          .map(({ target }) => `${file.path}: imports ${target}`);
      }),
    bad: [
      { 'units.ts': "import { quote } from './errors.js';" },
      { 'engine/engine.ts': "import type { Columns } from '../trace/columns.js';" },
      { 'trace/reader.ts': "import { Engine } from '../engine/engine.js';" },
      { 'trace/reader.ts': "const os = await import('node:os');" },
      { 'kernel/fault.ts': "import { Columns } from '../trace/columns.js';" },
      { 'kernel/fault.ts': "import { type Meta, Columns } from '../trace/columns.js';" },
      { 'kernel/stage.ts': "import * as z from 'zod';" },
      { 'lineage/resolve.ts': "import { walk } from '../kernel/fault.js';" },
      { 'replay/run.ts': "export { style } from '../report/style.js';" },
      { 'report/table.ts': "import { Replay } from '../replay/replay.js';" },
      { 'report/table.ts': "import type { Replay } from '../replay/replay.js';" },
      { 'report/table.ts': "import '../cli/main.js';" },
      { 'cli/main.ts': "import lodash from 'lodash';" },
      { 'cli/main.ts': "import { helper } from '../../test/helper.js';" },
      { 'misc/helper.ts': '' },
    ],
    good: {
      'random.ts': "import type { Ns } from './units.js';",
      'kernel/task.ts': "import type { Columns } from '../trace/columns.js';\nimport { type Ns } from '../units.js';",
      'report/rows.ts':
        "import type { ReplayResult } from '../replay/result.js';\n// import { x } from '../cli/main.js';",
      'cli/replay.ts': "const { Replay } = await import('../replay/replay.js');",
    },
  },
  {
    name: 'the kernel floor knows no stage and no version',
    think:
      'What a version does differently is an answer at a site (kernel/sites.ts), given by a file in lineage/. Add a site; never ask which stage this is.',
    find: grep(
      new RegExp(
        `['"\`](?:v?\\d+\\.\\d+[^'"\`]*|${STAGE_IDS.map(id => id.replaceAll('.', '\\.')).join('|')})['"\`]` +
          '|\\b(?:stage|model|series)\\??\\.(?:id|date|merged|title)\\b',
        'g',
      ),
      code,
      path => path.startsWith('kernel/'),
    ),
    bad: [
      { 'kernel/fault.ts': "if (name === 'v6.4') return;" },
      { 'kernel/fault.ts': 'if (version < `6.12`) return;' },
      { 'kernel/mm.ts': 'if (stage.id.startsWith(prefix)) return;' },
      { 'kernel/mm.ts': 'const late = stage.date > limit;' },
    ],
    good: {
      'kernel/fault.ts': "/** Models: mm/memory.c (v6.4 to v6.18). */\nconst verdict = 'mmap_lock'; // since 6.6",
    },
  },
  {
    name: 'a series is plain data, in the index, after its parent',
    think:
      'A series is one file of data and one line in lineage/index.ts. What cannot be said as data is a missing site, not code in the series.',
    find: findLineage,
    bad: [
      { 'lineage/2024-01-late.ts': series('late', null), 'lineage/index.ts': 'export const SERIES = [];' },
      {
        'lineage/2024-01-child.ts': series('child', 'first'),
        'lineage/2023-01-first.ts': series('first', null, '2023-01-31'),
        'lineage/index.ts':
          "import a from './2023-01-first.js';\nimport b from './2024-01-child.js';\nexport const SERIES = [b, a];",
      },
      {
        'lineage/2024-01-code.ts': series('code', null).replace('{}', '{ ...others }'),
        'lineage/index.ts': "import a from './2024-01-code.js';\nexport const SERIES = [a];",
      },
      {
        'lineage/2024-02-misdated.ts': series('misdated', null),
        'lineage/index.ts': "import a from './2024-02-misdated.js';\nexport const SERIES = [a];",
      },
      { 'lineage/helper.ts': 'export const x = 1;', 'lineage/index.ts': 'export const SERIES = [];' },
    ],
    good: {
      'lineage/2024-01-first.ts': series('first', null),
      'lineage/index.ts': "import a from './2024-01-first.js';\nexport const SERIES = [a];",
    },
  },
  {
    name: 'files, child processes and the process are touched at the edges only',
    think:
      'Reading belongs to trace/{input,reader,writer,record}, everything else about the process to cli/. Pass it in.',
    find: files => {
      const inside = files.filter(({ path }) => !/^(trace\/(input|reader|writer|record)\.ts|cli\/.*)$/.test(path));
      const modules = inside.flatMap(file =>
        importsOf(file)
          .filter(({ target }) => /^(?:node:)?(?:fs(?:\/promises)?|child_process|process)$/.test(target))
          .map(({ target }) => `${file.path}: imports ${target}`),
      );
      return [...modules, ...grep(PROCESS, bare)(inside)];
    },
    bad: [
      { 'replay/run.ts': "import { readFileSync } from 'node:fs';" },
      { 'trace/import/index.ts': "const { spawn } = await import('child_process');" },
      { 'report/style.ts': 'const color = process.env.NO_COLOR;' },
      { 'kernel/mm.ts': 'process.exit(1);' },
    ],
    good: {
      'trace/import/world.ts': 'this.process.threads++; process.mm.map = map;',
      'cli/main.ts': 'process.exit(1);',
    },
  },
  {
    name: 'other programs are started in one place',
    think: 'cli/spawn.ts starts them without a shell, and ends them when the run ends. Use it.',
    find: files =>
      files
        .filter(({ path }) => path !== 'cli/spawn.ts')
        .flatMap(file =>
          importsOf(file)
            .filter(({ target, typeOnly }) => /^(?:node:)?child_process$/.test(target) && !typeOnly)
            .map(({ target }) => `${file.path}: imports ${target}`),
        ),
    bad: [{ 'cli/record.ts': "import { execFile } from 'node:child_process';" }],
    good: { 'cli/spawn.ts': "import { spawn } from 'node:child_process';" },
  },
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
    name: 'nothing prints but the door',
    think: 'The library returns strings and throws complaints; cli/ decides where they go.',
    find: grep(/\bconsole\.\w+|\bstd(?:out|err)\.write\b/g, bare, path => !path.startsWith('cli/')),
    bad: [{ 'report/table.ts': 'console.log(text);' }, { 'trace/reader.ts': 'out.stderr.write(text);' }],
    good: { 'cli/complain.ts': 'process.stderr.write(text);', 'errors.ts': "const hint = 'console.log';" },
  },
  {
    name: 'every module is reachable from a door',
    think:
      'A reporter, importer or operation that is not in its index does not exist for the people who use us. List it or remove it.',
    find: files => {
      const paths = new Map(files.map(file => [file.path, file]));
      const seen = new Set<string>();
      const open = ['cli/start.ts', 'index.ts'];
      for (let path = open.pop(); path !== undefined; path = open.pop()) {
        const file = paths.get(path);
        if (file === undefined || seen.has(path)) continue;
        seen.add(path);
        open.push(...importsOf(file).map(({ target }) => target));
      }
      return files.filter(({ path }) => !seen.has(path)).map(({ path }) => `${path}: nobody imports it`);
    },
    bad: [{ 'cli/start.ts': "import './replay.js';", 'cli/replay.ts': '', 'report/html.ts': '' }],
    good: {
      'index.ts': "export * from './report/index.js';",
      'report/index.ts': "import('./csv.js');",
      'report/csv.ts': '',
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

/** A lineage file for the samples. */
function series(id: string, parent: string | null, date = '2024-01-31'): string {
  const quoted = parent === null ? 'null' : `'${parent}'`;
  return `export default { id: '${id}', date: '${date}', parent: ${quoted}, changes: {} } satisfies StageData;\n`;
}

function findLineage(files: readonly Source[]): string[] {
  const wrong: string[] = [];
  const index = code(files.find(({ path }) => path === 'lineage/index.ts')?.text ?? '');
  const listed: readonly string[] = /SERIES[^=]*=\s*\[([^\]]*)\]/.exec(index)?.[1].match(/\w+/g) ?? [];
  const placeOf = (path: string) => {
    const file = posix.basename(path, '.ts').replaceAll('.', '\\.');
    const name = new RegExp(`import (\\w+) from '\\./${file}\\.js'`).exec(index)?.[1];
    return name === undefined ? -1 : listed.indexOf(name);
  };
  const ids = new Map<string, number>();
  const dated = files.filter(({ path }) => DATED.test(path));
  for (const { path, text } of dated) ids.set(/\bid: '([^']*)'/.exec(text)?.[1] ?? '', placeOf(path));
  for (const { path, text } of dated) {
    const place = placeOf(path);
    if (place < 0) wrong.push(`${path}: is not in lineage/index.ts`);
    const parent = /\bparent: '([^']*)'/.exec(text)?.[1];
    if (parent !== undefined && (ids.get(parent) ?? Number.POSITIVE_INFINITY) >= place) {
      wrong.push(`${path}: comes before its parent ${parent}`);
    }
    const data = bare(text).replace(/\bimport type [^;]*;|export default|satisfies StageData;/g, '');
    const strange = /\.\.\.|=>|[`()+;]|\b(?:function|class|new|const|let)\b/.exec(data);
    if (strange !== null) wrong.push(`${path}: is not plain data: ${strange[0]}`);
    const month = DATED.exec(path)?.[1] ?? '';
    if (!new RegExp(`\\bdate: '${month}-`).test(text)) wrong.push(`${path}: its name and its date differ`);
  }
  const others = files.filter(({ path }) => /^lineage\/(?!index\.ts$|resolve\.ts$)/.test(path) && !DATED.test(path));
  return [...wrong, ...others.map(({ path }) => `${path}: is no series (YYYY-MM-subject.ts)`)];
}

/** What survives JSON unchanged. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

const ROOT = fileURLToPath(new URL('../src/', import.meta.url));
const SOURCES: readonly Source[] = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .map(path => path.replaceAll('\\', '/'))
  .filter(path => path.endsWith('.ts'))
  .sort()
  .map(path => ({ path, text: readFileSync(ROOT + path, 'utf8') }));

const asSources = (files: Readonly<Record<string, string>>): Source[] =>
  Object.entries(files).map(([path, text]) => ({ path, text }));

describe.each(RULES)('$name', ({ think, find, bad, good }) => {
  test('holds in src', () => {
    expect(find(SOURCES), think).toEqual([]);
  });

  test.each(bad.map(files => ({ files, name: Object.values(files)[0].slice(0, 60).trim() || Object.keys(files)[0] })))(
    'finds: $name',
    ({ files }) => {
      expect(find(asSources(files))).not.toEqual([]);
    },
  );

  test('leaves the rest alone', () => {
    expect(find(asSources(good))).toEqual([]);
  });
});

describe('the lineage as JSON', () => {
  test.each(SERIES.map(stage => ({ stage, id: stage.id })))('$id survives it unchanged', ({ stage }) => {
    expect(asJson(stage)).toStrictEqual(stage);
  });

  test('a series with a function or a Date does not', () => {
    for (const value of [() => 0, undefined, new Date(0)]) {
      const stage = { ...SERIES[0], extra: value };
      expect(asJson(stage)).not.toStrictEqual(stage);
    }
  });
});
