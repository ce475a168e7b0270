/** What `--model` and `--costs` name: stages of the lineage, series files, and a data sheet of step costs. */
import { Complaint, nearest, quote, shapeOf, type Where, wrongValue } from '../errors.js';
import { COSTS, type CostName, type Costs } from '../kernel/costs.js';
import type { Stage } from '../kernel/stage.js';
import { findStage, lineage, resolveModels, stageFromData } from '../lineage/resolve.js';
import { readJsonFile } from './json-file.js';
import { isSeriesFile } from './options.js';

const DEFAULT_MODELS = ['mmap_lock', 'per-vma'];

/** The stages of `--model`, in the order given; a word with a slash or `.json` at its end is a series file. */
export async function loadModels(names: readonly string[] = DEFAULT_MODELS): Promise<Stage[]> {
  const stages = new Set<Stage>();
  for (const name of names) {
    const found = isSeriesFile(name) ? [await loadSeries(name)] : resolveModels(name);
    for (const stage of found) stages.add(stage);
  }
  return [...stages];
}

/** Every id of the lineage, and of series beside it. */
export function knownIds(series: readonly Stage[] = []): string[] {
  return [...new Set([...lineage, ...series].map(({ id }) => id))];
}

/** The one stage a name means. */
export async function loadModel(name: string): Promise<Stage> {
  const stages = await loadModels([name]);
  if (stages.length === 1) return stages[0];
  throw new Complaint('usage', `${quote(name)} is ${stages.length} models`, {}, 'name one of them');
}

/** The model in force in the kernel that a recording says it was made by. */
export function modelOfKernel(kernel: string | undefined, file: string): Stage {
  const release = /^v?(\d+\.\d+(?:\.\d+)?)/.exec(kernel ?? '')?.[1];
  const hint = 'name the model: -m v6.18';
  if (release === undefined) {
    const found = kernel === undefined ? 'nothing' : quote(kernel);
    throw new Complaint('usage', `meta.kernel should say which kernel was recorded, found ${found}`, { file }, hint);
  }
  try {
    return findStage(release);
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    throw new Complaint('usage', `kernel ${quote(release)} is not modelled: ${error.hint}`, { file }, hint);
  }
}

async function loadSeries(path: string): Promise<Stage> {
  const { parseStageFile } = await import('../kernel/stage-file.js');
  const file = await readJsonFile(path);
  const data = parseStageFile(file.json, path, (path, what) => file[what](path));
  try {
    return stageFromData(data);
  } catch (error) {
    if (!(error instanceof Complaint)) throw error;
    throw new Complaint(error.class, error.message, file.key(error.where.path ?? ''), error.hint);
  }
}

/** The data sheet of `--costs`: `defaults`, with the steps a JSON object names replaced. Units: ns. */
export async function loadCosts(path: string, defaults: Costs = COSTS): Promise<Costs> {
  const file = await readJsonFile(path);
  const { json } = file;
  const refuse = (message: string, where: Where, hint: string): never => {
    throw new Complaint('schema', message, where, hint);
  };
  if (json === null || typeof json !== 'object' || Array.isArray(json)) {
    return refuse(`step costs are an object, got ${shapeOf(json)}`, file.value(''), 'write {"anon_write": 600}');
  }
  const costs: Record<CostName, number> = { ...defaults };
  for (const [name, value] of Object.entries(json)) {
    if (!Object.hasOwn(COSTS, name)) {
      const near = nearest(name, Object.keys(COSTS));
      const hint = near ? `did you mean ${near}?` : `steps: ${Object.keys(COSTS).join(', ')}`;
      refuse(`unknown step ${quote(name)}`, file.key(name), hint);
    }
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      const wrong = wrongValue(json, { path: [name], message: 'must be an integer from 0 to 2^53-1 (ns)' });
      refuse(wrong, file.value(name), 'write 600');
    }
    costs[name as CostName] = value as number;
  }
  return costs;
}
