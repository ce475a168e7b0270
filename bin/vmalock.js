#!/usr/bin/env node
/** @type {typeof import('../dist/cli/start.js')} */
let door;
try {
  door = await import('../dist/bundle/start.js');
} catch (error) {
  // Not even what puts an error into words could be loaded.
  if (!(error instanceof Error && 'syscall' in error)) throw error;
  process.stderr.write(`vmalock: io: ${error.message}\n`);
  process.exit(2);
}
await door.start(process.argv);
