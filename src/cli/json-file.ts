/** Small JSON files a person writes beside a trace: step costs, a series that is not merged, options given always. */
import { Complaint, type Where } from '../errors.js';
import { readBytes } from '../trace/input.js';
import { type JsonFailure, type JsonValue, parseJson, type Spot } from '../trace/json.js';
import { nearestTo, type Place } from '../trace/places.js';

const MAX_BYTES = 1024 * 1024;

/** What a file holds, and where in it. */
export class JsonFile {
  readonly json: JsonValue;
  private readonly spots = new Map<string, Spot>();

  /** @throws Complaint (encoding, json-syntax, schema, limit) */
  constructor(
    readonly path: string,
    private readonly bytes: Buffer,
  ) {
    const fail: JsonFailure = (kind, offset, message, hint) =>
      new Complaint(kind, message, { file: path, ...this.place(offset) }, hint);
    this.json = parseJson(bytes, 0, bytes.length, { fail, positions: this.spots });
  }

  /** Where the value at `path` is, or what it should be in; '' is the whole. */
  value(path: string): Where {
    return { file: this.path, ...this.place(nearestTo(this.spots, path).value), path: path || undefined };
  }

  /** Where its key is. */
  key(path: string): Where {
    return { file: this.path, ...this.place(nearestTo(this.spots, path).key), path: path || undefined };
  }

  private place(offset: number): Place {
    const before = this.bytes.subarray(0, offset);
    const line = before.filter(byte => byte === 0x0a).length + 1;
    return { line, column: offset - before.lastIndexOf(0x0a) };
  }
}

/** @throws Complaint (io, encoding, json-syntax, schema, limit) with its place in `path` */
export async function readJsonFile(path: string): Promise<JsonFile> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readBytes(path)) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Complaint('limit', 'longer than 1 MiB', { file: path }, 'name a smaller file');
    chunks.push(chunk);
  }
  return new JsonFile(path, Buffer.concat(chunks));
}
