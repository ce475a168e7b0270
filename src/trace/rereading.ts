/** A file that is read more than once, and must be the same each time: what it is known by. */
import { Complaint } from '../errors.js';

/** What of it is compared. */
type Facts = { readonly [Fact in 'dev' | 'ino' | 'size' | 'mtimeNs']: bigint };

export class Rereading {
  private known: string | null = null;

  /** @throws Complaint when it is not the file that it was */
  look(path: string, { dev, ino, size, mtimeNs }: Facts): void {
    const now = [dev, ino, size, mtimeNs].join();
    this.known ??= now;
    if (now === this.known) return;
    throw new Complaint('io', 'the file changed while it was read', { file: path }, 'read a copy of it');
  }
}
