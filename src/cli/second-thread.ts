/**
 * A second thread for the lines of a long text: it makes records of them while the first makes events of the records before.
 *
 * A short text is over before a thread has started, and where none can be started the first one does it all: what comes of
 * it is the same.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Elsewhere, Handover, Rest } from '../trace/import/index.js';

/** Lines after which a text is taken to be long: so many take 100 ms at first, and a thread starts in 35. */
const LONG = 10_000;

/** Chunks that the thread has in hand: enough that neither waits for the other. */
const AHEAD = 8;

const THREAD = new URL('./parse-thread.js', import.meta.url);

export class SecondThread implements Elsewhere {
  readonly #script: URL;
  readonly #long: number;
  #worker: Worker | null | undefined;
  #isThere = false;
  #answers: Rest[] = [];
  #failure: Error | null = null;
  #wake = (): void => {};

  /** @param long lines after which it is started; infinite: never */
  constructor(long: number = availableParallelism() > 1 ? LONG : Number.POSITIVE_INFINITY, script: URL = THREAD) {
    this.#long = long;
    this.#script = script;
  }

  isReady(lines: number): boolean {
    if (lines >= this.#long && this.#worker === undefined) this.#worker = this.#start();
    return this.#isThere && this.#failure === null;
  }

  /** Throws what ended the thread. */
  async *read(text: AsyncIterator<string | Uint8Array>, from: Handover): AsyncGenerator<Rest> {
    const worker = this.#worker!;
    worker.ref();
    worker.postMessage(from);
    let failure: { readonly error: unknown } | null = null;
    let over = false;
    try {
      for (let asked = 0, answered = 0; answered < asked || !over; answered++) {
        while (!over && asked - answered < AHEAD) {
          try {
            const { value, done } = await text.next();
            over = done === true;
            send(worker, over ? null : value);
            asked++;
          } catch (error) {
            // what came before it is read first
            failure = { error };
            over = true;
          }
        }
        if (answered < asked) yield await this.#answer();
      }
    } finally {
      void worker.terminate();
    }
    if (failure !== null) throw failure.error;
  }

  #start(): Worker | null {
    try {
      const worker = new Worker(this.#script);
      worker.on('message', (message: 'ready' | Rest) => {
        if (message === 'ready') this.#isThere = true;
        else this.#answers.push(message);
        this.#wake();
      });
      worker.on('error', error => {
        this.#failure = error;
        this.#wake();
      });
      // until it has work nobody waits for it; a listener would make the process do so
      worker.unref();
      return worker;
    } catch {
      // a program may be forbidden to start threads
      return null;
    }
  }

  async #answer(): Promise<Rest> {
    while (this.#answers.length === 0) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>(wake => {
        this.#wake = wake;
      });
    }
    return this.#answers.shift()!;
  }
}

/** A chunk may be its giver's again as soon as the next is asked for: what is sent is a copy. */
function send(worker: Worker, chunk: string | Uint8Array | null): void {
  if (chunk === null || typeof chunk === 'string') worker.postMessage(chunk);
  else {
    const bytes = new Uint8Array(chunk);
    worker.postMessage(bytes, [bytes.buffer]);
  }
}
