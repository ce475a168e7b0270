/** `vmalock models`: the lineage, one stage of it, or what lies between two. */
import type { Command } from 'commander';
import { Complaint } from '../errors.js';
import type { Stage } from '../kernel/stage.js';
import type { Listing } from '../report/listing.js';
import type { Heading, Section } from '../report/sections.js';
import { type BaseOptions, REPLAY_FORMATS, type ReportingOptions, withBase, withReport } from './options.js';
import { openSink } from './output.js';

type ModelsOptions = BaseOptions & ReportingOptions & { diff?: string[] };

export function registerModels(program: Command): void {
  const command = program
    .command('models')
    .argument('[id]', 'a model: id, release, per-vma or ./series.json; without it, all of them')
    .description('list the lineage: every series with its date, author, link and what it changed')
    .option('--diff <ids...>', 'two models: the answers in which they differ');
  withBase(withReport(command, REPLAY_FORMATS)).action(models);
}

async function models(id: string | undefined, options: ModelsOptions): Promise<void> {
  if (options.diff !== undefined && (options.diff.length !== 2 || id !== undefined)) {
    throw new Complaint('usage', '--diff takes two models', {}, 'vmalock models --diff v6.4 v6.6');
  }
  const sink = openSink(options.out, []);
  try {
    const [{ loadModel, loadModels }, { renderListing }, { outputStyle }] = await Promise.all([
      import('./models-option.js'),
      import('../report/listing.js'),
      import('./terminal.js'),
    ]);
    const listing =
      options.diff === undefined
        ? await listingOf(id, loadModels)
        : edit(await loadModel(options.diff[0]), await loadModel(options.diff[1]));
    sink.write(renderListing(listing, options.format, outputStyle(options)));
    await sink.commit();
  } finally {
    sink.discard();
  }
}

type Load = (names: readonly string[]) => Promise<Stage[]>;

async function listingOf(id: string | undefined, load: Load): Promise<Listing> {
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

function edit(from: Stage, to: Stage): Listing {
  const before: Readonly<Record<string, string | undefined>> = { 'VMA lock': from.vmaLock, ...from.answers };
  const after: Readonly<Record<string, string | undefined>> = { 'VMA lock': to.vmaLock, ...to.answers };
  const sites = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    site => before[site] !== after[site],
  );
  const records = sites.map(site => ({ site, from: before[site] ?? null, to: after[site] ?? null }));
  const rows = records.map(row => [row.site, row.from ?? '-', row.to ?? '-']);
  const flat = section(`From ${from.id} to ${to.id}`, ['site', from.id, to.id], rows);
  return { document: { from: from.id, to: to.id, changes: records }, records, sections: [flat], flat };
}
