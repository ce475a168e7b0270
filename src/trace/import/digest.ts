/**
 * What the events say of which there are most, read as soon as their line is: the rest of the import does without the text.
 */
import { faultFields, lockFields, rssFields } from './fields.js';
import type { TraceRecord } from './record.js';
import { parseEnter, parseExit } from './syscall-text.js';

/** Reads the fields of a record out of its text; one that is cut off stays as it is. */
export function digest(record: TraceRecord): void {
  const { name, text } = record;
  switch (name) {
    case 'page_fault_user':
    case 'page_fault_kernel': {
      const read = faultFields(name, text);
      if (read !== null) take(record, read.fields, read.address);
      break;
    }
    case 'minor-faults':
    case 'major-faults':
      record.text = '';
      break;
    case 'rss_stat': {
      const read = rssFields(text);
      if (read === null) break;
      take(record, read.fields, '');
      record.size = read.size;
      break;
    }
    case 'mmap_lock_start_locking':
    case 'mmap_lock_acquire_returned':
    case 'mmap_lock_released': {
      const fields = lockFields(name, text);
      if (fields !== null) take(record, fields, '');
      break;
    }
    default:
      if (name.startsWith('sys_enter')) {
        const read = parseEnter(name, text);
        if (read !== null) take(record, read.fields, read.args);
      } else if (name.startsWith('sys_exit')) {
        const read = parseExit(name, text);
        if (read !== null) take(record, read.fields, read.result);
      }
  }
}

function take(record: TraceRecord, fields: TraceRecord['fields'], own: string): void {
  record.fields = fields;
  record.text = own;
}
