/** Loaded into a measured process by `--import`: tells its CPU time and peak memory on descriptor 3 when it ends. */
import { readFileSync, writeSync } from 'node:fs';

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeSync(3, JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, rss: peakMemory() ?? maxRSS * 1024 }));
});

/** VmHWM in bytes. Unlike ru_maxrss it forgets the process we were forked from; null where there is no /proc. */
function peakMemory() {
  try {
    const match = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    return match === null ? null : Number(match[1]) * 1024;
  } catch {
    return null;
  }
}
