import { expect, test } from 'vitest';
import { extractMessageIds, MAX_MESSAGE_ID, messageIdOf } from './message-id.ts';

test('ids in brackets, folded, commented, repeated', () => {
  expect(extractMessageIds('<a@x> <B@x>\t<a@x> (comment) <c\n @x>')).toEqual(['a@x', 'B@x', 'c@x']);
  expect(extractMessageIds('Your mail of Monday <a@x>')).toEqual(['a@x']);
});

test('broken brackets and bare ids', () => {
  expect(extractMessageIds('<a@x <b@x>')).toEqual(['b@x']);
  expect(extractMessageIds('a@x, b@x')).toEqual(['a@x', 'b@x']);
  expect(extractMessageIds('just prose')).toEqual([]);
  expect(extractMessageIds('<> < >')).toEqual([]);
  expect(messageIdOf('abc')).toBe('abc');
  expect(messageIdOf('<abc>')).toBe('abc');
  expect(messageIdOf('  ')).toBeNull();
});

test('long ids are kept whole or not at all', () => {
  const long = `${'a'.repeat(2_000)}1@x`;
  expect(messageIdOf(`<${long}>`)).toBe(long);
  expect(messageIdOf(`<${'a'.repeat(MAX_MESSAGE_ID + 1)}>`)).toBeNull();
});

test('10,000 references keep the first and the last', () => {
  const ids = extractMessageIds(Array.from({ length: 10_000 }, (_, i) => `<${i}@x>`).join(' '), 200);
  expect(ids).toHaveLength(200);
  expect([ids[0], ids[99], ids[100], ids[199]]).toEqual(['0@x', '99@x', '9900@x', '9999@x']);
});

test('bombs are one pass', () => {
  for (const bomb of ['<', '>', '<a', '<>', '@ ', '<<>'])
    expect(extractMessageIds(bomb.repeat(50_000)).length).toBeLessThan(201);
});
