import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordsOf } from './words.ts';

const texts = (text: string) => [...wordsOf(text)].map((word) => word.text);

describe('words', () => {
  it.each<[script: string, text: string, words: string[]]>([
    ['Latin', 'Grüße an alle!', ['grusse', 'an', 'alle']],
    ['Latin with other letters', 'Łódź Ærø ŒUVRE', ['lodz', 'aero', 'oeuvre']],
    ['Turkish', 'İSTANBUL ılık', ['istanbul', 'ilik']],
    ['Greek', 'ΟΔΌΣ οδός', ['οδοσ', 'οδοσ']],
    ['Cyrillic', 'Ёлка ЁЛКА Київ', ['елка', 'елка', 'киів']],
    ['Arabic with vowel marks', 'مُحَمَّد ـــ محمد', ['محمد', 'محمد']],
    ['Persian and Arabic keyboards', 'کتاب كتاب', ['كتاب', 'كتاب']],
    ['Hebrew with points', 'שָׁלוֹם', ['שלום']],
    ['Devanagari, whose vowel signs stay', 'हिन्दी', ['हिन्दी']],
    ['digits of any script', '٣٤ 12', ['٣٤', '12']],
    ['ligatures and full width', 'ﬁn ＡＢ１２', ['fin', 'ab12']],
    ['soft hyphens and zero widths', 'in\u00advoice a\u200bb', ['invoice', 'ab']],
    ['an address', 'ada.b@Example.org', ['ada', 'b', 'example', 'org']],
    ['a number with parts', 'INV-2024-1', ['inv', '2024', '1']],
    ['Chinese', '会议纪要', ['会议', '议纪', '纪要', '要']],
    ['Japanese in half width', 'ｶﾞｲﾄﾞ', ['ガイ', 'イド', 'ド']],
    ['Korean, composed and not', '한국\u1112\u1161\u11ab', ['한국', '국한', '한']],
    ['Thai', 'ดีมาก', ['ดี', 'ีม', 'มา', 'าก', 'ก']],
    ['one character alone', '税', ['税']],
    ['characters beyond the first plane', '𠮷野', ['𠮷野', '野']],
    ['scripts side by side', '東京2024年', ['東京', '京', '2024', '年']],
    ['nothing', ' —…!😀 ', []],
  ])('of %s', (_script, text, words) => {
    expect(texts(text)).toEqual(words);
  });

  it('have places that count every word, and every character of a script without spaces', () => {
    expect([...wordsOf('in 東京都 2024')].map(({ text, at, kind }) => [text, at, kind])).toEqual([
      ['in', 0, 'word'],
      ['東京', 1, 'pair'],
      ['京都', 2, 'pair'],
      ['都', 3, 'last'],
      ['2024', 4, 'word'],
    ]);
  });

  it('are the same however a text is composed, and for any text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(text, (value) => {
        const found = texts(value);
        expect(texts(value.normalize('NFD'))).toEqual(found);
        expect(texts(value.toUpperCase().toLowerCase())).toEqual(texts(value.toLowerCase()));
        for (const word of found) {
          expect(word).not.toBe('');
          expect(word).toMatch(/^[\p{L}\p{N}\p{M}]+$/u);
          expect(Buffer.byteLength(word)).toBeLessThan(2_000);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it.each([
    ['one endless word', 'a'],
    ['an endless word with accents', 'é'],
    ['marks that pile up', '\u0300\u0316'],
    ['a script without spaces', '가'],
    ['short words', 'ab '],
    ['characters that grow', '\ufdfa'],
    ['invisible characters', '\u200b'],
  ])('of %s take a time that grows with the length only', (_name, piece) => {
    const start = performance.now();
    for (const _ of wordsOf(piece.repeat(200_000))) {
      // Only the time counts.
    }
    // A square takes minutes; the rest is for a busy machine.
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
