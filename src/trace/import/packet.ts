/**
 * Records on their way to another thread: numbers in arrays, which change hands, text in one string, and what many records
 * have in common once for all packets. To copy records one by one would take longer than reading their lines.
 */
import { Complaint } from '../../errors.js';
import { kept } from './fields.js';
import type { TraceRecord } from './record.js';

/** A record, or what is wrong with a line. */
export type Item = TraceRecord | Complaint;

/** A complaint as plain data. */
export type PlainComplaint = Pick<Complaint, 'class' | 'message' | 'where' | 'hint'>;

export interface Packet {
  /** items in it */
  readonly count: number;
  /** of each item its t and its size */
  readonly times: Float64Array<ArrayBuffer>;
  /** of each item WIDTH numbers */
  readonly numbers: Int32Array<ArrayBuffer>;
  /** texts of the items, one behind the other */
  readonly text: string;
  /** what the numbers call by its place, as far as it is new; `anew` where the places begin again */
  readonly shared: readonly unknown[];
  readonly anew: boolean;
  /** items that the numbers cannot say, by their place */
  readonly others: readonly [at: number, record: TraceRecord | null, complaint: PlainComplaint | null][];
}

const PID = 0;
const TID = 1;
const CPU = 2;
const LINE = 3;
const BY = 4;
const NAME = 5;
const FIELDS = 6;
const STACK = 7;
const COMM = 8;
const LENGTH = 9;
const SYNTHESIZED = 10;
const WIDTH = 11;

/** What is shared from the beginning: most records have no name of their thread, no call chain. */
const ALWAYS: readonly unknown[] = [null, ''];

/** Things called by their places; of more, all are forgotten. */
const MOST_SHARED = 1 << 16;

const isInt32 = (value: number): boolean => (value | 0) === value;

export class Packer {
  #count = 0;
  #times = new Float64Array(2 * 1024);
  #numbers = new Int32Array(WIDTH * 1024);
  #text = '';
  #shared: unknown[] = [];
  #anew = false;
  #others: [number, TraceRecord | null, PlainComplaint | null][] = [];
  #places = placesOf(ALWAYS);
  /** call chains by what they say, each the same list every time */
  readonly #stacks = new Map<string, readonly string[]>();

  /** Adds an item that `line` completed. */
  put(item: Item, line: number): void {
    if (this.#count * WIDTH === this.#numbers.length) this.#grow();
    const at = this.#count++ * WIDTH;
    const numbers = this.#numbers;
    numbers[at + BY] = line;
    if (item instanceof Complaint) {
      this.#others.push([this.#count - 1, null, plain(item)]);
      return;
    }
    const { t, size, pid, tid, cpu, line: own, name, fields, stack, comm, text, synthesized } = item;
    if (!isInt32(pid) || !isInt32(tid) || !isInt32(cpu)) {
      this.#others.push([this.#count - 1, item, null]);
      return;
    }
    this.#times[2 * this.#count - 2] = t;
    this.#times[2 * this.#count - 1] = size;
    numbers[at + PID] = pid;
    numbers[at + TID] = tid;
    numbers[at + CPU] = cpu;
    numbers[at + LINE] = own;
    numbers[at + NAME] = this.#placeOf(name);
    numbers[at + FIELDS] = this.#placeOf(fields);
    numbers[at + STACK] = this.#placeOf(stack === null ? null : this.#stack(stack));
    numbers[at + COMM] = this.#placeOf(comm);
    numbers[at + LENGTH] = text.length;
    numbers[at + SYNTHESIZED] = synthesized ? 1 : 0;
    if (text !== '') this.#text += text;
  }

  /** All that was put since the last time. */
  take(): Packet {
    const packet: Packet = {
      count: this.#count,
      times: this.#times,
      numbers: this.#numbers,
      text: this.#text,
      shared: this.#shared,
      anew: this.#anew,
      others: this.#others,
    };
    this.#count = 0;
    this.#times = new Float64Array(packet.times.length);
    this.#numbers = new Int32Array(packet.numbers.length);
    this.#text = '';
    this.#shared = [];
    this.#others = [];
    this.#anew = this.#places.size > MOST_SHARED;
    if (this.#anew) {
      this.#places = placesOf(ALWAYS);
      this.#stacks.clear();
    }
    return packet;
  }

  #placeOf(thing: unknown): number {
    if (thing === null) return 0;
    if (thing === '') return 1;
    const known = this.#places.get(thing);
    if (known !== undefined) return known;
    const place = this.#places.size;
    this.#places.set(thing, place);
    this.#shared.push(thing);
    return place;
  }

  #stack(stack: readonly string[]): readonly string[] {
    const key = stack.join('\n');
    const known = this.#stacks.get(key);
    if (known === undefined) this.#stacks.set(key, stack);
    return known ?? stack;
  }

  #grow(): void {
    const [times, numbers] = [this.#times, this.#numbers];
    this.#times = new Float64Array(2 * times.length);
    this.#times.set(times);
    this.#numbers = new Int32Array(2 * numbers.length);
    this.#numbers.set(numbers);
  }
}

const placesOf = (things: readonly unknown[]): Map<unknown, number> => new Map(things.map((thing, i) => [thing, i]));

export class Unpacker {
  #shared: unknown[] = [...ALWAYS];
  #at = 0;
  #text = 0;
  #other = 0;

  /** Begins the next packet. */
  open({ shared, anew }: Packet): void {
    if (anew) this.#shared = [...ALWAYS];
    for (const thing of shared) this.#shared.push(typeof thing === 'string' ? kept(thing) : thing);
    [this.#at, this.#text, this.#other] = [0, 0, 0];
  }

  /** The next item of the packet. */
  next({ times, numbers, text, others }: Packet): Item {
    const i = this.#at++;
    if (this.#other < others.length && others[this.#other][0] === i) {
      const [, record, complaint] = others[this.#other++];
      return record ?? complaintOf(complaint!);
    }
    const at = i * WIDTH;
    const [from, things] = [this.#text, this.#shared];
    this.#text += numbers[at + LENGTH];
    return {
      t: times[2 * i],
      synthesized: numbers[at + SYNTHESIZED] === 1,
      pid: numbers[at + PID],
      tid: numbers[at + TID],
      cpu: numbers[at + CPU],
      comm: things[numbers[at + COMM]] as string,
      name: things[numbers[at + NAME]] as string,
      text: text.slice(from, this.#text),
      fields: things[numbers[at + FIELDS]] as TraceRecord['fields'],
      size: times[2 * i + 1],
      stack: things[numbers[at + STACK]] as string[] | null,
      line: numbers[at + LINE],
    };
  }
}

/** The line that completed an item of a packet. */
export const lineOf = ({ numbers }: Packet, i: number): number => numbers[i * WIDTH + BY];

export const plain = ({ class: kind, message, where, hint }: Complaint): PlainComplaint => ({
  class: kind,
  message,
  where,
  hint,
});

export const complaintOf = ({ class: kind, message, where, hint }: PlainComplaint): Complaint =>
  new Complaint(kind, message, where, hint);
