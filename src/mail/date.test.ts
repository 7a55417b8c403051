import { expect, test } from 'vitest';
import { parseMailDate } from './date.ts';

const at = (iso: string) => Date.parse(iso) / 1000;

test.each([
  ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06Z'],
  ['21 Nov 97 09:55 GMT', '1997-11-21T09:55:00Z'],
  ['Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)', '1969-02-14T03:02:00Z'],
  ['Fri, 21 Nov 1997 09(comment):   55  :  06 -0600', '1997-11-21T15:55:06Z'],
  ['Tue, 1 Jul 2003 10:52:37 EDT', '2003-07-01T14:52:37Z'],
  ['Wed Nov 18 12:30:00 2020', '2020-11-18T12:30:00Z'],
  ['18-Nov-2020 12:30:00 +0100', '2020-11-18T11:30:00Z'],
  ['2020-11-18T12:30:00Z', '2020-11-18T12:30:00Z'],
  ['2020-11-18 12:30:00.123 +01:00', '2020-11-18T11:30:00Z'],
  ['1 Jan 2021', '2021-01-01T00:00:00Z'],
  ['Mon, 32 Jan 2021 10:00:00 +0000', null],
  ['Mon, 2 Jan 2021 25:00:00 +0000', null],
  ['yesterday', null],
  ['', null],
])('%s', (value, iso) => {
  expect(parseMailDate(value)).toBe(iso === null ? null : at(iso));
});

test('long nonsense is cut off', () => {
  expect(parseMailDate('('.repeat(1_000_000))).toBeNull();
});
