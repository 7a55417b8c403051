import { expect, test } from 'vitest';
import { decodeCharset } from './charset.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

test.each([
  ['utf-8', 'c3a9', 'é'],
  ['UTF8', 'efbbbf61', 'a'],
  ['utf-8', '63 61 66 e9', 'café'], // a lie: windows-1252
  ['utf-8', 'c3a9 ff', 'é\ufffd'], // the truth, damaged
  ['us-ascii', 'c3a9', 'é'],
  ['us-ascii', 'e9', 'é'],
  ['iso-8859-1', '80 e9', '€é'],
  ['windows-1251', 'cff0e8', 'При'],
  ['windows-1250', '9c', 'ś'],
  ['koi8-r', 'd0d2c9', 'при'],
  ['ks_c_5601-1987', 'c7d1b1b9', '한국'],
  ['iso-2022-jp', '1b2442 245e 1b2842', 'ま'],
  ['shift_jis', '82a0', 'あ'],
  ['cp932', '82a0', 'あ'],
  ['gb2312', 'c4e3', '你'],
  ['gb18030', 'c4e3', '你'],
  ['big5', 'a741', '你'],
  ['utf-7', '2b 41 4f 6b 2d', 'é'],
  ['utf-16', 'fffe 6100', 'a'],
  ['utf-16be', '0061', 'a'],
  ['iso-8859-8-i', 'e0', 'א'],
  ['x-mac-roman', '8e', 'é'],
  ['unknown-8bit', 'e9', 'é'],
  ['iso-2022-kr', '61', 'a'],
  ['__proto__', '61', 'a'],
  ['constructor', '61', 'a'],
  ['x'.repeat(5_000), 'c3a9', 'é'],
])('%.20s', (label, bytes, text) => {
  expect(decodeCharset(hex(bytes), label)).toBe(text);
});

test('no label, no bytes', () => {
  expect(decodeCharset(hex('c3a9'), null)).toBe('é');
  expect(decodeCharset(Buffer.alloc(0), 'utf-8')).toBe('');
});
