/** What runs in the thread of second-thread.ts. It says that it is there, takes a handover and then chunks, and answers each. */
import { parentPort } from 'node:worker_threads';
import { type Handover, RestReader } from '../trace/import/elsewhere.js';

let reader: RestReader | null = null;

parentPort?.postMessage('ready');
parentPort?.on('message', (message: Handover | string | Uint8Array | null) => {
  if (reader === null) {
    reader = new RestReader(message as Handover);
    return;
  }
  const rest = reader.read(message as string | Uint8Array | null);
  const { times, numbers } = rest.packet;
  parentPort?.postMessage(rest, [times.buffer, numbers.buffer]);
});
