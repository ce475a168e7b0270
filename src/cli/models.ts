/** `vmalock models`: the lineage, one stage of it, or what lies between two. */
import type { Command } from 'commander';
import { Complaint } from '../errors.js';
import { SITES, type Site, type SiteName } from '../kernel/sites.js';
import type { Stage } from '../kernel/stage.js';
import type { Listing } from '../report/listing.js';
import type { Heading, Section } from '../report/section.js';
import {
  type BaseOptions,
  filesBeside,
  REPLAY_FORMATS,
  type ReportingOptions,
  withBase,
  withExamples,
  withReport,
} from './options.js';
import { openSink } from './output.js';

type ModelsOptions = BaseOptions & ReportingOptions & { diff?: string[]; matrix?: boolean };

const LETTERS = 'abcdef';

export function registerModels(program: Command): void {
  const command = program
    .command('models')
    .argument('[id]', 'a model: id, release, per-vma or ./series.json; without it, all of them')
    .description('list the lineage: every series with its date, author, link and what it changed')
    .option('--diff <ids...>', 'two models: the answers in which they differ, and the patches that made them')
    .option('--matrix', 'every site under every model');
  withExamples(command, 'models', 'models v6.6', 'models --diff v6.4 v6.6', 'models --matrix --format csv');
  withBase(withReport(command, REPLAY_FORMATS)).action(models);
}

async function models(id: string | undefined, options: ModelsOptions): Promise<void> {
  if (options.diff !== undefined && (options.diff.length !== 2 || id !== undefined)) {
    throw new Complaint('usage', '--diff takes two models', {}, 'vmalock models --diff v6.4 v6.6');
  }
  if (options.matrix && (options.diff !== undefined || id !== undefined)) {
    throw new Complaint('usage', '--matrix is of all models', {}, 'vmalock models --matrix');
  }
  const sink = openSink(options.out, filesBeside({ ...options, model: [id ?? [], options.diff ?? []].flat() }));
  try {
    const [{ loadModel, loadModels }, { renderListing }, { outputStyle }] = await Promise.all([
      import('./models-option.js'),
      import('../report/listing.js'),
      import('./terminal.js'),
    ]);
    const listing = await listingOf(id, options, loadModel, loadModels);
    sink.write(renderListing(listing, options.format, outputStyle(options)));
    await sink.commit();
  } finally {
    sink.discard();
  }
}

type Load = (names: readonly string[]) => Promise<Stage[]>;

async function listingOf(
  id: string | undefined,
  { diff, matrix: wanted }: ModelsOptions,
  loadOne: (name: string) => Promise<Stage>,
  load: Load,
): Promise<Listing> {
  if (wanted) return matrix(await load(['all']));
  if (diff !== undefined) return edit(await loadOne(diff[0]), await loadOne(diff[1]), await load(['all']));
  if (id === undefined) return lineage(await load(['all']));
  const stages = await load([id]);
  return stages.length === 1 ? one(stages[0]) : lineage(stages);
}

const prose = (title: string): Heading => ({ title, kind: 'prose' });

function section(title: string, titles: readonly string[], rows: readonly (readonly string[])[]): Section {
  return { title, note: null, headings: titles.map(prose), rows, more: 0 };
}

/** A stage as data: what it edits, not what it inherits, but for the lock it ends up with. */
function record(stage: Stage): object {
  const { id, title, author, date, link, merged, commits = [], parent, vmaLock, changes } = stage;
  const edits = Object.entries(changes).map(([site, change]) => ({ site, ...change }));
  return { id, title, author, date, link, merged, commits, parent, lock: vmaLock, changes: edits };
}

function lineage(stages: readonly Stage[]): Listing {
  const titles = ['model', 'date', 'merged', 'lock', 'title'];
  const rows = stages.map(stage => [stage.id, stage.date, stage.merged ?? '-', stage.vmaLock, stage.title]);
  const flat = section(
    'Models',
    ['model', 'date', 'merged', 'lock', 'parent', 'author', 'link', 'title'],
    stages.map(({ id, date, merged, vmaLock, parent, author, link, title }) => [
      id,
      date,
      merged ?? '',
      vmaLock,
      parent ?? '',
      author,
      link,
      title,
    ]),
  );
  const records = stages.map(record);
  return { document: records, records, sections: [section('Models', titles, rows)], flat };
}

function one(stage: Stage): Listing {
  const facts = [
    ['title', stage.title],
    ['author', stage.author],
    ['date', stage.date],
    ['link', stage.link],
    ['merged', stage.merged ?? 'never'],
    ['commits', (stage.commits ?? []).join(' ') || '-'],
    ['parent', stage.parent ?? '-'],
    ['VMA lock', stage.vmaLock],
  ];
  const lock = stage.lock === undefined ? [] : [['VMA lock', stage.lock.answer, stage.lock.by]];
  const changes = Object.entries(stage.changes).map(([site, { answer, by }]) => [site, answer, by]);
  const flat = section('What it changed', ['site', 'answer', 'patch'], [...lock, ...changes]);
  const document = record(stage);
  return { document, records: [document], sections: [section(stage.id, ['', ''], facts), flat], flat };
}

/** What lies between two stages, like an entry of a changelog: the series on the way, then every answer and its patch. */
function edit(from: Stage, to: Stage, all: readonly Stage[]): Listing {
  const before: Readonly<Record<string, string | undefined>> = { lock: from.vmaLock, ...from.answers };
  const after: Readonly<Record<string, string | undefined>> = { lock: to.vmaLock, ...to.answers };
  const records = ['lock', ...Object.keys(SITES)]
    .filter(site => before[site] !== after[site])
    .map(site => ({
      site,
      from: before[site] ?? null,
      to: after[site] ?? null,
      by: patchBetween(site as SiteName | 'lock', from, to),
    }));
  const rows = records.map(row => [row.site, row.from ?? '-', row.to ?? '-', row.by]);
  const series = all.filter(({ id }) => from.line.includes(id) !== to.line.includes(id));
  const way = series.map(({ id, date, author, title }) => [
    from.line.includes(id) ? '-' : '+',
    id,
    date,
    author,
    title,
  ]);
  const flat = section('What it changes', ['site', from.id, to.id, 'patch'], rows);
  const document = { from: from.id, to: to.id, series: series.map(({ id }) => id), changes: records };
  const entry = section(`From ${from.id} to ${to.id}`, ['', 'model', 'date', 'author', 'title'], way);
  return { document, records, sections: [entry, flat], flat };
}

/** The patch by which `to` differs from `from`: one that `to` has, or one that it does not have yet. */
function patchBetween(site: SiteName | 'lock', from: Stage, to: Stage): string {
  const there = to.origins[site];
  if (there !== undefined && !from.line.includes(there.stage)) return there.by;
  const here = from.origins[site];
  return here === undefined ? '-' : `without ${here.by}`;
}

/** Every site under every stage, as letters for people and as words for programs. */
function matrix(stages: readonly Stage[]): Listing {
  const sites = Object.entries<Site>(SITES);
  const answer = (stage: Stage, site: string): string | undefined => stage.answers[site as SiteName];
  const letter = (stage: Stage, site: string, answers: readonly string[]): string => {
    const said = answer(stage, site);
    return said === undefined ? '-' : LETTERS[answers.indexOf(said)];
  };
  const numbers = stages.map((_, i) => String(i + 1));
  const records = sites.map(([site, { floor, fact, answers }]) => ({
    site,
    asked: floor,
    fact,
    answers,
    stages: Object.fromEntries(stages.map(stage => [stage.id, answer(stage, site) ?? null])),
  }));
  const legend = section(
    'Stages',
    ['', 'model', 'date', 'lock', 'title'],
    stages.map((stage, i) => [numbers[i], stage.id, stage.date, stage.vmaLock, stage.title]),
  );
  const letters = section(
    'Answers by site and stage',
    ['site', ...numbers],
    sites.map(([site, { answers }]) => [site, ...stages.map(stage => letter(stage, site, answers))]),
  );
  const words = section(
    'What the letters mean',
    ['site', 'answers', 'what the kernel looks at'],
    sites.map(([site, { fact, answers }]) => [
      site,
      answers.map((said, i) => `${LETTERS[i]} ${said}`).join(', '),
      fact,
    ]),
  );
  const flat = section(
    'Answers by site and stage',
    ['site', ...stages.map(({ id }) => id)],
    sites.map(([site]) => [site, ...stages.map(stage => answer(stage, site) ?? '')]),
  );
  return { document: records, records, sections: [legend, letters, words], flat };
}
