/**
 * Was a program in the page cache? A recording without page-cache events does not say, but its exceptions do: of what is
 * cached a fault maps the pages around it as well, so nothing faults there again; of what is not, it maps one page.
 *
 * Models: mm/memory.c, do_fault_around(): 64 KiB, aligned; mm/filemap.c, filemap_map_pages() (v6.1 to v7.2).
 */
import type { Columns } from '../trace/columns.js';
import type { Page } from '../units.js';
import { ACCESS_EXEC, OP } from '../vocab.js';

/** Pages that one fault maps. */
const AROUND = 16;
/** Windows of code that were run through with one fault each: no program that is being read in does that. */
const ENOUGH = 4;
/** Faults of one program that may wait for its end. */
const WAITING = 1 << 12;

/** What is known of a program's pages in one address space, from its execve to its end. */
export class Program<Fault> {
  /** nothing comes any more that could change the answer */
  over = false;
  readonly waiting: Fault[] = [];
  private readonly windows = new Set<number>();
  private again = false;

  /** @param pages those that execve mapped, as far as faults have shown them */
  constructor(readonly pages: Set<Page> = new Set()) {}

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
  private readonly byMm = new Map<number, Program<Fault>>();

  /** @param settle called with each fault at the end of its program, or when too many wait for that */
  constructor(private readonly settle: (fault: Fault, program: Program<Fault>) => void) {}

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
        if (code[row] === ACCESS_EXEC) this.of(mm[row], page[row])?.ran(page[row]);
        break;
    }
  }

  /** The program that a page belongs to. */
  of(mm: number, page: Page): Program<Fault> | null {
    const program = this.byMm.get(mm);
    return program?.pages.has(page) ? program : null;
  }

  /** What is known of the program of a fault decides it, at the program's end. */
  decide(fault: Fault, program: Program<Fault>): void {
    if (program.over || program.waiting.length === WAITING) this.settle(fault, program);
    else program.waiting.push(fault);
  }

  /** The trace is over. */
  finish(): void {
    for (const mm of this.byMm.keys()) this.end(mm);
  }

  private maps(mm: number, page: Page): void {
    const program = this.byMm.get(mm) ?? new Program<Fault>();
    this.byMm.set(mm, program);
    program.pages.add(page);
  }

  private inherits(parent: number, child: number): void {
    const program = this.byMm.get(parent);
    if (child !== parent && program !== undefined) this.byMm.set(child, new Program(new Set(program.pages)));
  }

  private end(mm: number): void {
    const program = this.byMm.get(mm);
    if (program === undefined) return;
    program.over = true;
    this.byMm.delete(mm);
    for (const fault of program.waiting) this.settle(fault, program);
  }
}
