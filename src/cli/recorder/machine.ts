/** What the machine says about itself that a recording does not. */
import { readFileSync } from 'node:fs';
import { cpus, machine, release } from 'node:os';
import type { MapsFile } from '../../trace/import/index.js';

/** The text of a file of the kernel's, trimmed; null where there is none, or none for us. */
function kernelFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** The members of a trace's `meta` that only this machine knows. */
export function machineMeta(): { kernel: string; arch: string; cpus: number } {
  return { kernel: release(), arch: machine(), cpus: cpus().length };
}

/** Block devices that give a page at once. */
const SYNCHRONOUS = /^\/dev\/(?:zram|ram|pmem)\d/;

/** Does swap read synchronously? Undefined without swap, and where some does and some does not. */
export function swapSync(): boolean | undefined {
  const [, ...lines] = kernelFile('/proc/swaps')?.split('\n') ?? [];
  const answers = new Set(lines.map(line => SYNCHRONOUS.test(line)));
  return answers.size === 1 ? answers.has(true) : undefined;
}

/** May the functions of a call chain be named? kptr_restrict 2 hides their addresses from everybody. */
export function hasKernelNames(): boolean {
  return kernelFile('/proc/sys/kernel/kptr_restrict') !== '2';
}

/** What to do when the kernel does not let perf record. */
export function whyRefused(): string {
  const level = Number(kernelFile('/proc/sys/kernel/perf_event_paranoid') ?? -1);
  if (process.getuid?.() === 0) return 'does the kernel, or the container, allow it? vmalock record --print shows how';
  const also = level > -1 ? `; or sysctl kernel.perf_event_paranoid=-1, it is ${level}` : '';
  return `run it as root: sudo vmalock record ...${also}`;
}

/** The command line of a process; null when there is none such. */
export function commandLineOf(pid: number): string[] | null {
  const text = kernelFile(`/proc/${pid}/cmdline`);
  return text === null ? null : text.split('\0').filter(word => word !== '');
}

/** /proc/PID/smaps, which has the lines of /proc/PID/maps too: what no event will say; undefined where it may not be read. */
export function smapsOf(pid: number): MapsFile | undefined {
  const file = `/proc/${pid}/smaps`;
  const text = kernelFile(file);
  return text === null ? undefined : { file, text };
}
