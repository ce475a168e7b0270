/** Bytes on their way to a sink, compressed if that is wanted. */
import * as zlib from 'node:zlib';
import { Complaint } from '../errors.js';
import type { Sink } from './output.js';

export type Packing = 'plain' | 'gzip' | 'zstd';

/** Node writes zstd from 22.15 on. */
const { createZstdCompress } = zlib as typeof zlib & { createZstdCompress?: () => NodeJS.ReadWriteStream };

/**
 * What was asked for, else what the end of the output's name asks for.
 * @throws Complaint (usage) where this Node cannot write it
 */
export function choosePacking(asked: Packing | undefined, name: string | undefined): Packing {
  const packing = asked ?? (name?.endsWith('.gz') ? 'gzip' : name?.endsWith('.zst') ? 'zstd' : 'plain');
  if (packing !== 'zstd' || createZstdCompress !== undefined) return packing;
  const hint = 'pipe the output through zstd, or use Node.js 22.15 or newer';
  throw new Complaint('usage', `Node.js ${process.version} cannot write zstd`, {}, hint);
}

/** Writes `pieces` to the sink, without committing it. */
export async function writePacked(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  sink: Sink,
  packing: Packing,
): Promise<void> {
  if (packing === 'plain') {
    for await (const piece of pieces) await writePiece(piece, sink);
    return;
  }
  const packer = packing === 'zstd' && createZstdCompress ? createZstdCompress() : zlib.createGzip({ level: 9 });
  const feeding = (async () => {
    for await (const piece of pieces) {
      if (!packer.write(piece)) await new Promise(done => packer.once('drain', done));
    }
    packer.end();
  })();
  // What stops the feeding is said below, once the packer's own end of it is let go.
  feeding.catch((error: Error) => (packer as zlib.Gzip).destroy(error));
  for await (const piece of packer) await writePiece(piece as Buffer, sink);
  await feeding;
}

async function writePiece(piece: Uint8Array, sink: Sink): Promise<void> {
  sink.write(piece);
  await sink.drain();
}
