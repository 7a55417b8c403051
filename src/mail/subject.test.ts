import fc from 'fast-check';
import { expect, test } from 'vitest';
import { baseSubject } from './subject.ts';

test.each([
  'Re: Trip to Rome',
  'RE: re : Re: trip  to ROME',
  'Re[2]: Trip to Rome',
  'RE (2): Trip to Rome',
  'Re^3: Trip to Rome',
  'AW: WG: Trip to Rome',
  'SV: VS: RV: TR: Antw: Odp: YNT: RIF: Trip to Rome',
  '回复：Trip to Rome',
  '答复: 转发: Trip to Rome',
  'Ответ: Trip to Rome',
  '[travel] Re: Trip to Rome',
  'Re: [travel] Trip to Rome',
  'Re[2] [travel]: Trip to Rome',
  'Trip to Rome (fwd)',
  '[Fwd: Trip to Rome]',
  'Re: [Fwd: Re: Trip to Rome (fwd)]',
  'Ｒｅ：Trip to Rome',
])('%s', (subject) => {
  expect(baseSubject(subject)).toEqual({ base: 'trip to rome', isReply: true });
});

test('what only looks like a mark stays', () => {
  expect(baseSubject('Regarding: x')).toEqual({ base: 'regarding: x', isReply: false });
  expect(baseSubject('Research re: cats')).toEqual({ base: 'research re: cats', isReply: false });
  expect(baseSubject('Re')).toEqual({ base: 're', isReply: false });
  expect(baseSubject('Re [2')).toEqual({ base: 're [2', isReply: false });
  expect(baseSubject('')).toEqual({ base: '', isReply: false });
});

test('a list name goes, unless nothing else is there', () => {
  expect(baseSubject('[list] news')).toEqual({ base: 'news', isReply: false });
  expect(baseSubject('[list]')).toEqual({ base: '[list]', isReply: false });
  expect(baseSubject('Re: [list]')).toEqual({ base: '[list]', isReply: true });
});

test('hostile subjects are one pass', () => {
  for (const bomb of [
    'Re: ',
    '[x]',
    '[',
    'Re[',
    'Re (1) ',
    '[fwd:',
    '(fwd)',
    'a',
    ' ',
    'Re [a] [b] ',
    '\ud800',
  ]) {
    expect(typeof baseSubject(bomb.repeat(20_000)).base).toBe('string');
  }
  expect(baseSubject('[fwd:'.repeat(10_000) + ']'.repeat(10_000)).base).toBe('');
});

test('stripping is stable', () => {
  const piece = fc.constantFrom('Re:', 'Fwd: ', '[a]', '(fwd)', ' ', 'x', '[fwd:', ']', '：', 'ß');
  fc.assert(
    fc.property(
      fc.array(piece).map((p) => p.join('')),
      (subject) => {
        const { base } = baseSubject(subject);
        expect(baseSubject(base).base).toBe(base);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('takes linear time over piles of combining marks', () => {
  const pile = `a${'\u0301\u0323'.repeat(500_000)}`;
  expect(baseSubject(`Re: ${pile}`).isReply).toBe(true);
});
