/** Where versions differ: in the data of the lineage, and nowhere in the kernel floor. */
import { posix } from 'node:path';
import { SERIES } from '../../src/lineage/index.js';
import { bare, code, DATED, grep, type Rule, type Source } from './source.js';

const STAGE_IDS = SERIES.map(stage => stage.id).filter(id => id !== 'mmap_lock');

export const VERSION_RULES: readonly Rule[] = [
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
