/** What `--version` prints: the package's version, and the commit it was built from where the build knew it. */
import { readFileSync } from 'node:fs';

/** `0.1.0 (32758cb0aa17)` */
export function version(): string {
  const { version: number } = readJson('../../package.json');
  const { commit } = readJson('../build.json');
  return commit === undefined ? `${number}` : `${number} (${commit})`;
}

/** An empty object for a file that is not there: only a build has a build.json. */
function readJson(path: string): Readonly<Record<string, string | undefined>> {
  try {
    return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Record<string, string>;
  } catch {
    return {};
  }
}
