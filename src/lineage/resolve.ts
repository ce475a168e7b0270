/**
 * From a name to a stage: ids, releases that lie between two stages, `per-vma` for the newest mainline stage, `all`, and a
 * series given as JSON.
 */
import { Complaint, nearest, quote } from '../errors.js';
import { defineStage, type Stage, type StageData } from '../kernel/stage.js';
import { SERIES } from './index.js';

const byId = new Map<string, Stage>();
for (const data of SERIES) byId.set(data.id, defineStage(data, data.parent === null ? null : stageOf(data.parent)));

function stageOf(id: string): Stage {
  const stage = byId.get(id);
  if (!stage) throw new Complaint('semantic', `no stage ${quote(id)}`, {}, 'a stage comes after its parent');
  return stage;
}

/** Every stage, in order. */
export const lineage: readonly Stage[] = [...byId.values()];

/** Releases in order of version, each with the stage that was in force from it on. */
const releases: readonly { version: readonly number[]; stage: Stage }[] = lineage
  .filter(stage => /^v\d/.test(stage.id))
  .map(stage => ({ version: versionOf(stage.merged ?? stage.id) ?? [], stage }));

/** No series of releases went further: 4.20 was followed by 5.0, 5.19 and 6.19 by 6.0 and 7.0. */
const LAST_MINOR = 20;

/** What `-m per-vma` means: the newest mainline stage. */
export const newest: Stage = releases[releases.length - 1].stage;

/**
 * The stage `name` means. A release between two stages (`v6.11`, `6.14.3`) is the earlier of them; one before the first
 * VMA lock is `mmap_lock`. What `uname -r` prints is the release it begins with, that of a release candidate too. Throws a
 * usage Complaint that names the nearest id.
 */
export function findStage(name: string): Stage {
  const release = releaseOf(name);
  const exact = byId.get(release) ?? byId.get(`v${release}`);
  if (exact) return exact;
  if (name === 'per-vma') return newest;
  const version = versionOf(release);
  if (version) {
    const [major, minor] = versionOf(newest.id) ?? [];
    if (version[0] > major || (version[0] === major && version[1] > minor) || version[1] > LAST_MINOR) {
      throw new Complaint('usage', `no model ${quote(name)}`, {}, `the newest release modelled is ${newest.id}`);
    }
    const inForce = releases.filter(release => compare(release.version, version) <= 0).pop();
    return inForce ? inForce.stage : stageOf('mmap_lock');
  }
  throw unknown(name);
}

/** The stages of a comma list (`mmap_lock,v6.6,per-vma`) or `all`, without repetition, in the order given. */
export function resolveModels(list: string): Stage[] {
  const names = list.split(',').map(name => name.trim());
  const stages = names.flatMap(name => (name === 'all' ? lineage : [findStage(name)]));
  return [...new Set(stages)];
}

/** A stage from the data of a series file: its parent is looked up here, its edits are checked as any other's. */
export function stageFromData(data: StageData): Stage {
  if (byId.has(data.id)) {
    throw new Complaint('semantic', `${data.id} is in the lineage already`, { path: 'id' }, 'choose another id');
  }
  const { parent } = data;
  if (parent !== null && !byId.has(parent)) {
    const near = nearest(parent, byId.keys());
    const hint = near ? `did you mean ${near}?` : 'vmalock models lists them';
    throw new Complaint('semantic', `${data.id}: no such parent ${quote(parent)}`, { path: 'parent' }, hint);
  }
  return defineStage(data, parent === null ? null : stageOf(parent));
}

function unknown(name: string): Complaint {
  const near = nearest(name, [...byId.keys(), 'per-vma', 'all']);
  const hint = near
    ? `did you mean ${near}?`
    : `vmalock models lists them; nearest is ${nearest(name.slice(0, 64), byId.keys(), Number.POSITIVE_INFINITY)}`;
  return new Complaint('usage', `no model ${quote(name)}`, {}, hint);
}

/** `6.1.0` of `6.1.0-18-amd64`, `v6.18` of `v6.18-rc1`, `6.6.87` of `6.6.87.2-microsoft-standard-WSL2`; else the name. */
function releaseOf(name: string): string {
  return /^(v?\d{1,3}\.\d{1,3}(?:\.\d{1,4})?)(?:\.\d{1,4})?(?:\+|[-~]\w)/.exec(name)?.[1] ?? name;
}

function versionOf(name: string): number[] | null {
  const match = /^v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?$/.exec(name);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : null;
}

function compare(a: readonly number[], b: readonly number[]): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
