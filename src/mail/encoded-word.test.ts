import { expect, test } from 'vitest';
import { decodeEncodedWords } from './encoded-word.ts';

test.each([
  ['=?utf-8?Q?Caf=C3=A9?=', 'Café'],
  ['=?UTF-8?b?Q2Fmw6k=?= tail', 'Café tail'],
  ['a =?utf-8?Q?b?= =?utf-8?Q?c?= d', 'a bc d'],
  ['=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=', '€'],
  ['=?utf-8?B?4oI=?=\r\n =?utf-8?Q?=AC?=', '€'],
  ['=?iso-8859-1?Q?=E9?= =?utf-8?Q?=C3=A9?=', 'éé'],
  ['=?iso-2022-jp?B?GyRCJF4kXyRgJGEkYhsoQg==?=', 'まみむめも'],
  ['=?ks_c_5601-1987?B?x9GxuQ==?=', '한국'],
  ['=?gb18030?B?xOO6ww==?=', '你好'],
  ['=?windows-1251?Q?=CF=F0=E8?=', 'При'],
  ['=?utf-7?Q?+AOk-?=', 'é'],
  ['=?utf-8*en?Q?x_y?=', 'x y'],
  ['=?utf-8?Q?with space?=', 'with space'],
  ['=?nonsense?Q?a=C3=A9?=', 'aé'],
  ['=?utf-8?X?abc?=', '=?utf-8?X?abc?='],
  ['=?utf-8?Q?open', '=?utf-8?Q?open'],
  ['=?utf-8?Q??=x', 'x'],
  ['no words', 'no words'],
])('%s', (text, decoded) => {
  expect(decodeEncodedWords(text)).toBe(decoded);
});

test('bombs are one pass', () => {
  for (const bomb of ['=?', '=?a?q?', '=?a?q?x?=', '?=', '=?utf-8?b?', '=?a?q?x?= ']) {
    expect(decodeEncodedWords(bomb.repeat(20_000)).length).toBeLessThanOrEqual(1_000_000);
  }
});
