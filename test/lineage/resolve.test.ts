/** From a name to a stage. */
import { describe, expect, it } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { defineStage } from '../../src/kernel/stage.js';
import { findStage, lineage, newest, resolveModels, stageFromData } from '../../src/lineage/resolve.js';

describe('a model is named by', () => {
  it.each([
    ['mmap_lock', 'mmap_lock'],
    ['v6.6', 'v6.6'],
    ['6.6', 'v6.6'],
    ['v6.6.63', 'v6.6'],
    ['v6.4', 'v6.4'],
    ['6.4', 'v6.4'],
    ['6.4.0', 'v6.4.0'],
    ['6.4.2', 'v6.4.0'],
    ['6.4.3', 'v6.4'],
    ['v6.19', 'v6.18'],
    ['7.1.5', 'v6.18'],
    ['v7.3', 'v7.3'],
    ['v6.11', 'v6.10'],
    ['6.14.3', 'v6.13'],
    ['v6.16', 'v6.15'],
    ['6.1', 'mmap_lock'],
    ['5.10.200', 'mmap_lock'],
    ['per-vma', newest.id],
    [`${newest.id}.44`, newest.id],
    ['v6.18-rc1', 'v6.18'],
    ['6.17.0-rc2', 'v6.17'],
    ['6.1.0-18-amd64', 'mmap_lock'],
    ['6.18.44-custom+', 'v6.18'],
    ['6.19.0+', 'v6.18'],
    ['6.4.2-100.fc37.x86_64', 'v6.4.0'],
    ['v6.6.87.2-microsoft-standard-WSL2', 'v6.6'],
  ])('%s: the stage %s', (name, id) => {
    expect(findStage(name).id).toBe(id);
  });

  it('a list, without repetition, in the order given', () => {
    expect(resolveModels('v6.6, mmap_lock,6.6.1').map(stage => stage.id)).toEqual(['v6.6', 'mmap_lock']);
  });

  it('all', () => {
    expect(resolveModels('all')).toEqual(lineage);
  });
});

describe('refused with what to do', () => {
  it.each([
    ['v6.66', 'the newest release modelled is'],
    ['7.9', 'the newest release modelled is'],
    ['mmap_lok', 'did you mean mmap_lock?'],
    ['pre-vma', 'did you mean per-vma?'],
    ['7.9-rc1', 'the newest release modelled is'],
    ['6.12x', 'did you mean v6.12?'],
    ['6.6.12345-x', 'vmalock models lists them; nearest is v6.'],
    ['nosuch', 'vmalock models lists them; nearest is v6.'],
    ['q'.repeat(99), 'vmalock models lists them; nearest is '],
    ['__proto__', 'vmalock models lists them'],
    ['', 'vmalock models lists them'],
  ])('%j', (name, hint) => {
    const refusal = catchComplaint(() => findStage(name));
    expect(refusal.class).toBe('usage');
    expect(refusal.hint).toContain(hint);
  });
});

describe('a series', () => {
  const series = {
    id: 'mine',
    title: 'mm: try something',
    author: 'A Developer',
    date: '2026-01-01',
    link: 'not mailed',
    merged: null,
    parent: 'v6.6',
    changes: { hugetlb_fault: { answer: 'go', by: '1/1' } },
  };

  it('answers what it changes and otherwise as its parent', () => {
    const stage = stageFromData(series);
    expect(stage.answers).toEqual({ ...findStage('v6.6').answers, hugetlb_fault: 'go' });
    expect(stage.vmaLock).toBe('rwsem-seq');
  });

  it.each<[string, object, string, string]>([
    ['an unknown site', { changes: { hugetlb_falt: { answer: 'go', by: 'x' } } }, 'no such site', 'hugetlb_fault'],
    [
      'an answer the site lacks',
      { changes: { hugetlb_fault: { answer: 'no', by: 'x' } } },
      'cannot answer',
      'retry, go',
    ],
    [
      'an edit without effect',
      { changes: { hugetlb_fault: { answer: 'retry', by: 'x' } } },
      'already answers',
      'remove',
    ],
    ['a function its parent has', { functions: { vmf_anon_prepare: 'anon_vma_prepare' } }, 'already', 'remove'],
    ['a function there is in any kernel', { functions: { do_cow_fault: 'do_cow_fault' } }, 'already', 'remove'],
    ['an unknown parent', { parent: 'v6.5x' }, 'no such parent', 'v6.5'],
    [
      'a lock there is not',
      { lock: { answer: 'rcu', by: 'x' } },
      'no such VMA lock',
      'there are: none, vm_sequence, mmap_seq, rwsem-seq, refcount',
    ],
    ['the lock its parent has', { lock: { answer: 'rwsem-seq', by: 'x' } }, 'already rwsem-seq', 'remove'],
    [
      'a lock without answers',
      { parent: 'mmap_lock', lock: { answer: 'refcount', by: 'x' } },
      'no answer at',
      'answer one of',
    ],
    ['an id of the lineage', { id: 'v6.6' }, 'in the lineage already', 'another id'],
    [
      'a lock dropped twice',
      { parent: 'v6.5', changes: { __folio_lock_or_retry: { answer: 'release_and_wait', by: 'x' } } },
      'it would be dropped twice',
      'unless_retry_or_completed',
    ],
    [
      'a lock dropped without a word',
      { changes: { migration_entry_wait: { answer: 'release_and_return', by: 'x' } } },
      'there is no RETRY',
      'unless_vma_unlocked',
    ],
    [
      'a monitor that nobody can be sent to',
      { parent: 'v6.5', changes: { 'lock_vma_under_rcu.userfaultfd_armed': { answer: 'go', by: 'x' } } },
      'lets faults go there',
      'release_and_wait',
    ],
  ])('is refused: %s', (_, change, message, hint) => {
    const refusal = catchComplaint(() => stageFromData({ ...series, ...change }));
    expect(refusal.class).toBe('semantic');
    expect(refusal.message).toContain(message);
    expect(refusal.hint).toContain(hint);
  });

  it.each(['mmap_lock', 'spf_dufour_v12', 'spf_lespinasse_2021', 'rfc_2022', 'v6.15'])(
    'is refused where it leaves out what a stage with the lock of %s must answer',
    id => {
      const { answers, vmaLock } = findStage(id);
      const lock = vmaLock === 'none' ? {} : { lock: { answer: vmaLock, by: 'x' } };
      const all = Object.entries(answers).map(([site, answer]) => [site, { answer, by: 'x' }] as const);
      const stage = (left: typeof all) => ({ ...series, ...lock, parent: null, changes: Object.fromEntries(left) });
      expect(defineStage(stage(all), null).answers).toEqual(answers);
      for (const [site] of all) {
        const refusal = catchComplaint(() => defineStage(stage(all.filter(([other]) => other !== site)), null));
        expect(refusal.message).toContain(`no answer at ${site}`);
      }
    },
  );
});

function catchComplaint(what: () => unknown): Complaint {
  try {
    what();
  } catch (error) {
    if (error instanceof Complaint) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
