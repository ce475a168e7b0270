import { describe, expect, test } from 'vitest';
import { Complaint } from '../../src/errors.js';
import { EVENT_FIELDS, reportFields, selectFields } from '../../src/report/fields.js';

const select = (names: string[], format: string, withEvents: boolean) =>
  selectFields(names, reportFields(format), withEvents ? EVENT_FIELDS : []);

describe('--fields', () => {
  test('nothing chosen selects all', () => {
    expect(selectFields(undefined, reportFields('table'), EVENT_FIELDS)).toEqual({ report: null, events: null });
  });

  test('an unknown field is refused with the nearest and the whole list', () => {
    const attempt = (): unknown => select(['model', 'falts'], 'csv', false);
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
    expect(() => select(['locks'], 'csv', false)).toThrow('unknown field "locks"');
    expect(select(['locks'], 'json', false).report).toEqual(['locks']);
  });

  test('names of event rows are known only with --events', () => {
    expect(() => select(['verdict'], 'table', false)).toThrow('unknown field "verdict"');
    expect(select(['file', 'i'], 'csv', true)).toEqual({ report: null, events: ['file', 'i'] });
    expect(select(['i', 'model', 'verdict'], 'table', true)).toEqual({
      report: null,
      events: ['i', 'model', 'verdict'],
    });
  });

  test('report and event rows each take the names they know', () => {
    expect(select(['model', 'faults', 'verdict'], 'csv', true)).toEqual({
      report: ['model', 'faults'],
      events: ['model', 'verdict'],
    });
    expect(select(['model'], 'csv', true)).toEqual({ report: ['model'], events: ['model'] });
  });
});
