import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery, type Query, QueryError } from './query.ts';

/** The tree in short: words of a term joined by +, lists in brackets. */
function short(query: Query): string {
  switch (query.kind) {
    case 'term':
      return query.words
        .filter((word) => word.kind !== 'last')
        .map((word) => word.text)
        .join('+');
    case 'not':
      return `!${short(query.query)}`;
    default:
      return `[${query.queries.map(short).join(query.kind === 'and' ? ' & ' : ' | ')}]`;
  }
}

describe('a search', () => {
  it.each([
    ['word', 'word'],
    ['two words', '[two & words]'],
    ['two AND words', '[two & words]'],
    ['a OR b', '[a | b]'],
    ['a OR b c', '[a | [b & c]]'],
    ['a b OR c d', '[[a & b] | [c & d]]'],
    ['(a OR b) c', '[[a | b] & c]'],
    ['"a phrase" word', '[a+phrase & word]'],
    ['"AND OR ("', 'and+or'],
    ['a"b c"d', '[a & b+c & d]'],
    ['-a b', '[!a & b]'],
    ['NOT a b', '[!a & b]'],
    ['-"a b" -(c OR d)', '[!a+b & ![c | d]]'],
    ['--a', '!!a'],
    ['-a', '!a'],
    ['a-b', 'a+b'],
    ['INV-2024-1', 'inv+2024+1'],
    ['ada@example.org', 'ada+example+org'],
    ['or and not', '[or & and & not]'],
    ['R & D - now', '[r & d & now]'],
    ['a OR &', 'a'],
    ['"" a', 'a'],
    ['東京都', '東京+京都'],
    ['((((((((a))))))))', 'a'],
    ['a\tb\nc', '[a & b & c]'],
    ['x '.repeat(63), `[${Array(63).fill('x').join(' & ')}]`],
  ])('%s', (text, tree) => {
    expect(short(parseQuery(text))).toBe(tree);
  });

  it.each([
    ['', 'holds no word'],
    ['  ', 'holds no word'],
    ['!?', 'holds no word'],
    ['-&', 'holds no word'],
    ['"a b', 'at character 1: the quote is never closed'],
    ['a "', 'at character 3: the quote is never closed'],
    ['(a', 'at character 1: the parenthesis is never closed'],
    ['a (', 'at character 3: the parenthesis is never closed'],
    ['(a (b)', 'at character 1: the parenthesis is never closed'],
    ['a)', 'at character 2: the parenthesis was never opened'],
    [')', 'at character 1: the parenthesis was never opened'],
    ['a ()', 'at character 3: the parentheses are empty'],
    ['a AND', 'at character 3: AND needs something behind it'],
    ['OR a', 'at character 1: OR needs something on both sides'],
    ['a AND OR b', 'at character 7: OR needs something on both sides'],
    ['(a OR) b', 'at character 6: something is missing before the parenthesis'],
    ['a NOT', 'at character 3: NOT needs something behind it'],
    ['(((((((((a)))))))))', 'at character 9: parentheses stand deeper than 8 levels'],
    ['x '.repeat(64), 'at character 127: it has more than 64 parts'],
    ['-'.repeat(64).concat('a'), 'more than 64 parts'],
    ['é'.repeat(257), 'is longer than 512 bytes'],
  ])('is refused with its place: %s', (text, message) => {
    expect(() => parseQuery(text)).toThrow(QueryError);
    expect(() => parseQuery(text)).toThrow(message);
  });

  it('is read or refused, whatever it is, and takes no time', () => {
    const piece = fc.oneof(
      fc.constantFrom('(', ')', '"', '-', ' ', ' AND ', ' OR ', ' NOT ', 'word', '税'),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    const text = fc.array(piece, { maxLength: 300 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, (value) => {
        const start = performance.now();
        try {
          expect(countNodes(parseQuery(value))).toBeLessThanOrEqual(64);
        } catch (error) {
          if (!(error instanceof QueryError)) throw error;
        }
        expect(performance.now() - start).toBeLessThan(500);
      }),
      { seed: 2, numRuns: 2_000 },
    );
  });
});

function countNodes(query: Query): number {
  if (query.kind === 'term') return 1;
  if (query.kind === 'not') return 1 + countNodes(query.query);
  return query.queries.reduce((sum, part) => sum + countNodes(part), 1);
}
