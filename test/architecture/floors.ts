/** Which floor may see which, and what is touched at the edges only. */
import { bare, DATED, grep, importsOf, type Rule } from './source.js';

const FLOOR_0 = /^(units|vocab|errors|random)\.ts$/;

/** What comes out of floor 4, as plain data. */
const RESULTS = /^replay\/(result|explanation|traces-diff|verification)\.ts$/;

/** Who may import what. `types` may be imported as types only. The first row that fits a path is its row. */
const FLOORS: readonly { floor: RegExp; may: RegExp; types?: RegExp; packages?: RegExp }[] = [
  { floor: FLOOR_0, may: /^$/, types: FLOOR_0 },
  { floor: /^engine\//, may: /^engine\// },
  { floor: /^trace\//, may: /^trace\//, packages: /^(zod|node:(buffer|fs|fs\/promises|stream|zlib|child_process))$/ },
  { floor: /^kernel\/stage-file\.ts$/, may: /^kernel\//, packages: /^zod$/ },
  { floor: /^kernel\//, may: /^(kernel|engine)\//, types: /^trace\// },
  { floor: DATED, may: /^$/, types: /^kernel\/stage\.ts$/ },
  { floor: /^lineage\//, may: /^(lineage\/|kernel\/stage\.ts$)/ },
  { floor: /^replay\/[\w-]*schema\.ts$/, may: /^replay\//, packages: /^zod$/ },
  { floor: /^replay\//, may: /^(engine|trace|kernel|lineage|replay)\// },
  { floor: /^report\//, may: /^report\//, types: RESULTS, packages: /^(chalk|cli-table3)$/ },
  { floor: /^cli\//, may: /^\w/, packages: /^(commander|zod|node:.*)$/ },
  { floor: /^index\.ts$/, may: /^\w/ },
];

/** The global; importers have variables of that name. */
const PROCESS =
  /(?<![.\w])process\.(?:argv|cwd|emitWarning|env|exit|exitCode|hrtime|kill|memoryUsage|nextTick|on|once|pid|platform|std(?:in|out|err))\b/g;

export const FLOOR_RULES: readonly Rule[] = [
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
      const open = ['cli/start.ts', 'cli/parse-thread.ts', 'index.ts'];
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
];
