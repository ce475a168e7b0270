/** Pictures of a run: who watches it for `--html`, `--perfetto` and `--folded`, and what is written when it is over. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Queue, ReplayResult, Span, Watcher } from '../replay/result.js';
import type { FoldedStacks } from '../report/folded.js';
import type { Assets, Drawn, Part } from '../report/html.js';
import type { PerfettoWriter } from '../report/perfetto.js';
import type { SceneDraft } from '../report/scene.js';
import type { Sinks } from './sinks.js';

/** Events a page draws at most, of all traces and models together, and of each at least. */
const DRAWN = 24_000;
const LEAST_DRAWN = 400;

/** How many traces and models there are pictures of. */
interface Extent {
  readonly traces: number;
  readonly models: number;
}

type Replayed = Pick<ReplayResult['trace'], 'file' | 'lost'>;

/** Opens what was asked for; null where nothing was. */
export async function startPictures(sinks: Sinks, extent: Extent): Promise<Pictures | null> {
  const { html, perfetto, folded } = sinks;
  if (html === null && perfetto === null && folded === null) return null;
  const [scenes, chrome, stacks] = await Promise.all([
    html && import('../report/scene.js'),
    perfetto && import('../report/perfetto.js'),
    folded && import('../report/folded.js'),
  ]);
  const limit = Math.max(LEAST_DRAWN, Math.floor(DRAWN / (extent.traces * extent.models)));
  return new Pictures(
    sinks,
    extent,
    scenes && (model => new scenes.SceneDraft(model, limit)),
    chrome && new chrome.PerfettoWriter(text => perfetto?.write(text)),
    stacks && new stacks.FoldedStacks(),
  );
}

export class Pictures {
  /** of the trace being replayed, by model in the order they are first told of */
  private drafts = new Map<string, SceneDraft>();
  private readonly parts: Part[] = [];

  constructor(
    private readonly sinks: Sinks,
    private readonly extent: Extent,
    private readonly draftOf: ((model: string) => SceneDraft) | null,
    private readonly chrome: PerfettoWriter | null,
    private readonly stacks: FoldedStacks | null,
  ) {}

  /** Who watches the replay of a trace. */
  watcher(file: string): Watcher {
    const { models } = this.extent;
    const named = this.named(file);
    const chrome = this.chrome?.watcher(named);
    const roots = (model: string): string[] => [...(named === null ? [] : [named]), ...(models > 1 ? [model] : [])];
    this.drafts = new Map();
    return {
      over: (span: Span) => {
        this.draft(span.model)?.add(span);
        this.stacks?.add(span, roots(span.model));
        chrome?.over(span);
      },
      queue: (queue: Queue) => chrome?.queue(queue),
    };
  }

  /** A trace is replayed: `part` makes its share of the page of what is drawn of each of `models`. */
  over({ file, lost }: Replayed, models: readonly string[], part: (drawn: readonly Drawn[]) => Part): void {
    if (lost > 0) this.chrome?.lost(this.named(file), lost);
    this.stacks?.over(lost);
    if (this.draftOf === null) return;
    const drawn = models.flatMap(model => {
      const draft = this.draft(model);
      return draft === null ? [] : [{ scene: draft.scene(), longest: draft.longest() }];
    });
    this.parts.push(part(drawn));
  }

  /** What the page begins with, before the traces. */
  lead(part: Part): void {
    this.parts.unshift(part);
  }

  /** Writes what could not be written on the way. */
  async finish(): Promise<void> {
    this.chrome?.finish();
    if (this.stacks !== null) this.sinks.folded?.write(this.stacks.text());
    if (this.draftOf === null) return;
    const { htmlPage } = await import('../report/html.js');
    this.sinks.html?.write(htmlPage(this.parts, assets()));
  }

  /** How a trace is named, where there are several. */
  private named(file: string): string | null {
    return this.extent.traces > 1 ? file : null;
  }

  private draft(model: string): SceneDraft | null {
    if (this.draftOf === null) return null;
    let draft = this.drafts.get(model);
    if (draft === undefined) {
      draft = this.draftOf(model);
      this.drafts.set(model, draft);
    }
    return draft;
  }
}

/** The page's script and style, as the build left them beside the code. */
function assets(): Assets {
  const [script, style] = ['page.js', 'page.css'].map(name =>
    readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'),
  );
  const [scriptHash, styleHash] = [script, style].map(
    text => `sha256-${createHash('sha256').update(text).digest('base64')}`,
  );
  return { script, style, scriptHash, styleHash };
}
