/**
 * Was a program in the page cache? A recording without page-cache events does not say, but its exceptions do: of what is
 * cached a fault maps the pages around it as well, so nothing faults there again; of what is not, it maps one page.
 *
 * 81 programs were started by 38 commands, each after the page cache was emptied, under a readahead of 128 KiB and of
 * 8 MiB. It held for all 3,081 faults on images of which four windows or more ran, each with one fault; of 793 faults
 * before their code ran two were read in all the same (readahead brought the rest), and with three windows it did not hold.
 *
 * Models: mm/memory.c, do_fault_around(): 64 KiB, aligned; mm/filemap.c, filemap_map_pages() (v6.1 to v7.2).
 */
import type { Columns } from '../trace/columns.js';
import type { Page } from '../units.js';
import { ACCESS_EXEC, OP } from '../vocab.js';

/** Pages that one fault maps. */
const AROUND = 16;
/** Windows of its code that say something. */
const ENOUGH = 4;
/** Pages between a program and its loader, at least: 64 GiB. */
const APART = 2 ** 24;
/** Faults of one program that may wait for its end. */
const WAITING = 1 << 12;

/** What is known of the pages of a program, or of its loader, in one address space, from its execve to its end. */
export class Image<Fault> {
  /** nothing comes any more that could change the answer */
  over = false;
  readonly waiting: Fault[] = [];
  private readonly windows = new Set<number>();
  private again = false;

  /** @param pages those that execve mapped, as far as faults have shown them */
  constructor(readonly pages: Set<Page> = new Set()) {}

  /** has any of its code run? */
  get begun(): boolean {
    return this.windows.size > 0;
  }

  ran(page: Page): void {
    const window = Math.floor(page / AROUND);
    if (this.windows.has(window)) this.again = true;
    this.windows.add(window);
  }

  get cached(): boolean {
    return !this.again && this.windows.size >= ENOUGH;
  }
}

/** The programs of a recording that shows their mappings by what faulted: a page each. */
export class Programs<Fault> {
  /** by mm, then by where they are */
  private readonly images = new Map<number, Map<number, Image<Fault>>>();

  /** @param settle called with each fault at the end of its program, or when too many wait for that */
  constructor(private readonly settle: (fault: Fault, image: Image<Fault>) => void) {}

  /** Takes the next event of the trace. */
  see({ op, mm, b, page, len, code }: Columns, row: number): void {
    switch (op[row]) {
      case OP.vma:
        if (len[row] === 1) this.maps(mm[row], page[row]);
        break;
      case OP.fork:
        this.inherits(mm[row], b[row]);
        break;
      case OP.exec:
        this.end(mm[row]);
        break;
      case OP.fault:
        if (code[row] === ACCESS_EXEC) this.imageOf(mm[row], page[row])?.ran(page[row]);
        break;
    }
  }

  /** Whose page it is, where that may decide what was cached: once its code runs. */
  of(mm: number, page: Page): Image<Fault> | null {
    const image = this.imageOf(mm, page);
    return image?.begun ? image : null;
  }

  /** What is known of the image of a fault decides it, at its program's end. */
  decide(fault: Fault, image: Image<Fault>): void {
    if (image.over || image.waiting.length === WAITING) this.settle(fault, image);
    else image.waiting.push(fault);
  }

  /** The trace is over. */
  finish(): void {
    for (const mm of this.images.keys()) this.end(mm);
  }

  private imageOf(mm: number, page: Page): Image<Fault> | undefined {
    const image = this.images.get(mm)?.get(Math.floor(page / APART));
    return image?.pages.has(page) ? image : undefined;
  }

  private maps(mm: number, page: Page): void {
    const images = this.images.get(mm) ?? new Map<number, Image<Fault>>();
    this.images.set(mm, images);
    const place = Math.floor(page / APART);
    const image = images.get(place) ?? new Image<Fault>();
    images.set(place, image);
    image.pages.add(page);
  }

  private inherits(parent: number, child: number): void {
    const images = this.images.get(parent);
    if (child === parent || images === undefined) return;
    const copies = [...images].map(([place, { pages }]) => [place, new Image<Fault>(new Set(pages))] as const);
    this.images.set(child, new Map(copies));
  }

  private end(mm: number): void {
    const images = this.images.get(mm);
    this.images.delete(mm);
    for (const image of images?.values() ?? []) {
      image.over = true;
      for (const fault of image.waiting) this.settle(fault, image);
    }
  }
}
