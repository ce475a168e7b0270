import { describe, expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { selectFields } from '../../src/report/fields.js';

describe('--fields', () => {
  test('nothing chosen selects all', () => {
    expect(selectFields(null, 'table', true)).toEqual({ report: null, events: null });
  });

  test('an unknown field is refused with the nearest and the whole list', () => {
    const attempt = (): unknown => selectFields(['model', 'falts'], 'csv', false);
    expect(attempt).toThrow(Complaint);
    try {
      attempt();
    } catch (error) {
      expect(error).toMatchObject({ class: 'usage', message: 'unknown field "falts" in --fields' });
      expect((error as Complaint).hint).toMatch(
        /^did you mean faults\? the fields are model, faults, user, .*file, counters, time$/,
      );
    }
  });

  test('csv has no lists, json has', () => {
    expect(() => selectFields(['locks'], 'csv', false)).toThrow('unknown field "locks"');
    expect(selectFields(['locks'], 'json', false).report).toEqual(['locks']);
  });

  test('names of event rows are known only with --events', () => {
    expect(() => selectFields(['verdict'], 'table', false)).toThrow('unknown field "verdict"');
    expect(selectFields(['file', 'i'], 'csv', true)).toEqual({ report: null, events: ['file', 'i'] });
    expect(selectFields(['i', 'model', 'verdict'], 'table', true)).toEqual({
      report: null,
      events: ['i', 'model', 'verdict'],
    });
  });

  test('report and event rows each take the names they know', () => {
    expect(selectFields(['model', 'faults', 'verdict'], 'csv', true)).toEqual({
      report: ['model', 'faults'],
      events: ['model', 'verdict'],
    });
    expect(selectFields(['model'], 'csv', true)).toEqual({ report: ['model'], events: ['model'] });
  });
});
