/** Small JSON files a person writes beside a trace: step costs, a series that is not merged. */
import { Complaint } from '../errors.js';
import { readBytes } from '../trace/input.js';
import { type JsonFailure, type JsonValue, parseJson } from '../trace/json.js';

const MAX_BYTES = 1024 * 1024;

/** @throws Complaint (io, encoding, json-syntax, limit) with the place in `path` */
export async function readJsonFile(path: string): Promise<JsonValue> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readBytes(path)) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Complaint('limit', 'longer than 1 MiB', { file: path }, 'name a smaller file');
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const fail: JsonFailure = (kind, offset, message, hint) => {
    const before = bytes.subarray(0, offset);
    const line = before.filter(byte => byte === 0x0a).length + 1;
    const column = offset - before.lastIndexOf(0x0a);
    return new Complaint(kind, message, { file: path, line, column }, hint);
  };
  return parseJson(bytes, 0, bytes.length, { fail });
}
