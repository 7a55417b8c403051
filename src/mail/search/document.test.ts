import { describe, expect, it } from 'vitest';
import { ownerKeys, type Searchable, searchDocument, visibleText } from './document.ts';

const mail = (some: Partial<Searchable>): Searchable => ({
  subject: '',
  from: [],
  to: [],
  cc: [],
  bcc: [],
  filenames: [],
  text: '',
  ...some,
});

describe('a search document', () => {
  it('holds words with weights by field, and gaps between fields', () => {
    const { vector } = searchDocument(
      mail({
        subject: 'Plan/B',
        from: [{ name: 'Ada', email: 'ada@x.org' }],
        filenames: ['b.pdf'],
        text: 'plan b again',
      }),
    );
    expect(vector.split(' ').filter((word) => !word.startsWith("'~"))).toEqual([
      "'plan':1A,12",
      "'b':2A,9B,13",
      "'ada':4B,5B",
      "'x':6B",
      "'org':7B",
      "'pdf':10B",
      "'again':14",
      "'f:ada@x.org'",
    ]);
  });

  it('holds keys for addresses by field, and for what the subject contains', () => {
    const { vector, subject } = searchDocument(
      mail({
        subject: "Ça va? '\\",
        to: [{ email: 'Ada@BÜCHER.example' }],
        bcc: [{ email: `${'x'.repeat(300)}@x.org` }],
      }),
    );
    expect(subject).toBe("ça va? '\\");
    expect(vector).toContain("'t:ada@xn--bcher-kva.example'");
    expect(vector).toMatch(/'b:[0-9a-f]{64}'/);
    expect(vector).toContain("'~ça ' '~a v' '~ va' '~va?' '~a? ' '~? ''' '~ ''\\\\'");
  });

  it('of a grant names it, and the week', () => {
    expect(ownerKeys('00112233-4455-6677-8899-aabbccddeeff', 604_800)).toBe(
      "'#ABEiM0RVZneImaq7zN3u/w' '#ABEiM0RVZneImaq7zN3u/w.1'",
    );
  });

  it('stays below what PostgreSQL takes, whatever the mail', () => {
    const unique = Array.from({ length: 200_000 }, (_, i) => i.toString(36)).join(' ');
    const crowd = Array.from({ length: 2_000 }, (_, i) => ({
      name: unique.slice(0, 900),
      email: `${i}@${'y'.repeat(240)}`,
    }));
    const { vector } = searchDocument(
      mail({ subject: unique.slice(0, 8_000), from: crowd, to: crowd, cc: crowd, text: unique }),
    );
    expect(Buffer.byteLength(vector)).toBeLessThan(2_000_000);
    const places = [...vector.matchAll(/[:,](\d+)/g)].map(([, place]) => Number(place));
    expect(places.reduce((a, b) => Math.max(a, b))).toBeLessThan(16_384);
    const often = searchDocument(mail({ text: 'again '.repeat(50_000) })).vector;
    expect(often.split(',').length).toBe(255);
  });
});

describe('the visible text of a body', () => {
  it('is what a reader sees', () => {
    expect(
      visibleText('<style>no</style><p>seen<br>too <span style="display:none">hidden</span></p>', 'plain'),
    ).toBe('seen\ntoo');
    expect(visibleText('<p style="display:none">only this</p>', null)).toBe('only this');
    expect(visibleText(null, 'plain')).toBe('plain');
    expect(visibleText(null, null)).toBe('');
  });
});
