import { describe, expect, test } from 'vitest';
import { colorLevel } from '../../src/cli/color.js';

const TTY = { TERM: 'xterm' };

describe('colour', () => {
  test('--color wins over everything', () => {
    expect(colorLevel('never', { ...TTY, FORCE_COLOR: '3' }, true)).toBe(0);
    expect(colorLevel('always', { NO_COLOR: '1', TERM: 'dumb' }, false)).toBe(1);
  });

  test('NO_COLOR wins over FORCE_COLOR, an empty one is none', () => {
    expect(colorLevel('auto', { ...TTY, NO_COLOR: '1', FORCE_COLOR: '1' }, true)).toBe(0);
    expect(colorLevel('auto', { ...TTY, NO_COLOR: '' }, true)).toBe(1);
  });

  test('FORCE_COLOR names a level, or turns colour off, an empty one is none', () => {
    expect(colorLevel('auto', { FORCE_COLOR: '2' }, false)).toBe(2);
    expect(colorLevel('auto', { FORCE_COLOR: 'yes' }, false)).toBe(1);
    expect(colorLevel('auto', { FORCE_COLOR: '' }, false)).toBe(0);
    expect(colorLevel('auto', { ...TTY, FORCE_COLOR: '' }, true)).toBe(1);
    expect(colorLevel('auto', { ...TTY, FORCE_COLOR: '0', CLICOLOR_FORCE: '1' }, true)).toBe(0);
  });

  test('CLICOLOR_FORCE wins over a dumb or absent terminal', () => {
    expect(colorLevel('auto', { CLICOLOR_FORCE: '1', TERM: 'dumb' }, false)).toBe(1);
    expect(colorLevel('auto', { CLICOLOR_FORCE: '0' }, false)).toBe(0);
  });

  test('else the terminal decides, and how many colours it has', () => {
    expect(colorLevel('auto', TTY, false)).toBe(0);
    expect(colorLevel('auto', TTY, true)).toBe(1);
    expect(colorLevel('auto', { TERM: 'dumb' }, true)).toBe(0);
    expect(colorLevel('auto', { TERM: 'xterm-256color' }, true)).toBe(2);
    expect(colorLevel('auto', { TERM: 'xterm-256color', COLORTERM: 'truecolor' }, true)).toBe(3);
  });
});
