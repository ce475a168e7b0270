/**
 * An address space drawn as letters: a letter is a VMA, a dot nothing, and offsets follow the addresses.
 */
import { type AnonVma, VM_READ, VM_WRITE, Vma } from '../../src/kernel/vma.js';
import { VmaTree } from '../../src/kernel/vma-tree.js';

export const RW = VM_READ | VM_WRITE;
export const BASE = 0x1000;

/** An address space drawn as letters, and the same drawn back. */
export class Picture {
  readonly tree = new VmaTree();
  readonly vmas: Record<string, Vma> = {};

  constructor(text: string) {
    for (const { 0: run, index } of text.matchAll(/([A-Za-z])\1*/g)) {
      const vma = new Vma(BASE + index, BASE + index + run.length, RW, BASE + index, -1, 0, -1);
      this.vmas[run[0]] = vma;
      this.tree.store(vma);
    }
  }

  draw(width: number): string {
    const line = Array.from({ length: width }, () => '.');
    for (const [letter, vma] of Object.entries(this.vmas)) {
      if (this.tree.walk(vma.vm_start) !== vma) continue;
      for (let page = vma.vm_start; page < vma.vm_end; page++) line[page - BASE] = letter;
    }
    return line.join('');
  }

  /** Offsets must still follow the addresses. */
  linear(): boolean {
    for (let vma = this.tree.first(); vma !== null; vma = this.tree.next(vma))
      if (vma.vm_pgoff !== vma.vm_start) return false;
    return true;
  }

  letters(vmas: readonly (Vma | null)[]): string {
    return vmas.map(vma => Object.keys(this.vmas).find(letter => this.vmas[letter] === vma) ?? '-').join('');
  }
}

/** The bounds of the asterisks in a line. */
export function stars(text: string): [number, number] {
  return [BASE + text.indexOf('*'), BASE + text.lastIndexOf('*') + 1];
}

/** Gives `vma` an anon_vma, as its first fault would; a chain above 1 says that a fork made it. */
export function fault(vma: Vma, anon_vma: AnonVma | null, chain = anon_vma === null ? 0 : 1): void {
  vma.anon_vma = anon_vma;
  vma.anon_vma_chain = chain;
}
