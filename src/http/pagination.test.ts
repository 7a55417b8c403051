import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Cursors } from './pagination.ts';

const cursors = new Cursors(Buffer.alloc(32, 1));
const scope = {
  applicationId: 'a',
  grantId: 'g',
  resource: 'messages',
  query: { unread: true, in: ['x', 'y'] },
};

it('gives back the position, whatever it is', () => {
  const position = fc.tuple(fc.integer(), fc.string({ unit: 'grapheme' }));
  fc.assert(
    fc.property(position, (value) => {
      expect(cursors.read(scope, cursors.issue(scope, value))).toEqual(value);
    }),
  );
});

it('is refused in every other scope, and with any bit changed', () => {
  const token = cursors.issue(scope, [1, 'm']);
  for (const other of [
    { ...scope, applicationId: 'b' },
    { ...scope, grantId: 'h' },
    { ...scope, resource: 'threads' },
    { ...scope, query: {} },
    { ...scope, query: { unread: true, in: ['x'] } },
    { ...scope, query: { unread: true, in: ['y', 'x'] } },
  ]) {
    expect(() => cursors.read(other, token)).toThrow('page_token');
  }
  const bytes = Buffer.from(token, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => cursors.read(scope, changed.toString('base64url'))).toThrow('page_token');
  }
  expect(() => new Cursors(Buffer.alloc(32, 2)).read(scope, token)).toThrow('page_token');
});

it('survives another order of the filters, and what chooses no rows', () => {
  const token = cursors.issue(scope, [1, 'm']);
  const query = {
    in: ['x', 'y'],
    limit: 3,
    select: ['id'],
    fields: 'standard',
    page_token: token,
    unread: true,
  };
  expect(cursors.read({ ...scope, query: { ...query, subject: undefined } }, token)).toEqual([1, 'm']);
});

it('is refused when it is no cursor at all', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (text) => {
      expect(() => cursors.read(scope, text)).toThrow('page_token');
    }),
  );
  expect(cursors.read(scope, undefined)).toBeNull();
});
