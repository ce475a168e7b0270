/** A perf that is a shell script. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEXT = fileURLToPath(new URL('../samples/import/start.perf.txt', import.meta.url));

/** Leaves a perf.data that says it is whole: the size of its data is at offset 48. */
export const FINISH = `printf 'PERFILE2%040d\\1\\0\\0\\0\\0\\0\\0\\0' 0 > "$file"`;
/** Runs what follows --, as perf record does, and ends as it does. */
export const RUN = `while [ "$1" != -- ]; do shift; done; shift; "$@"; status=$?`;

/** What `perf record` and `perf script` do, as shell commands; `$file` is where perf is asked to record to. */
export interface PerfDoes {
  record?: string;
  script?: string;
}

/** Puts a perf into `folder/bin` that leaves in `folder/asked-VERB` what it was asked for. */
export function writeFakePerf(
  folder: string,
  { record = `${RUN}; ${FINISH}; exit $status`, script = `cat '${TEXT}'` }: PerfDoes = {},
): void {
  const find = 'for word; do [ "$before" = -o ] && file=$word; before=$word; done';
  const text = `#!/bin/sh
printf '%s\\n' "$@" > '${folder}/asked-'$1
verb=$1; shift
${find}
case $verb in
record) ${record} ;;
script) ${script} ;;
esac
`;
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin/perf'), text);
  chmodSync(join(folder, 'bin/perf'), 0o755);
}
