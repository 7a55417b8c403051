/** Parsers against random and mutated bytes. `npm run fuzz` is the long form. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddressList } from '../../src/mail/address.ts';
import { fingerprint } from '../../src/mail/fingerprint.ts';
import { prepareMail } from '../../src/mail/prepare.ts';
import { parseUidSet } from '../../src/providers/imap/connection.ts';
import { MailMaker } from '../../testbed/mail-maker.ts';
import { holds, TIMEOUT_MS } from './property.ts';

const maker = new MailMaker(7, 'fuzz@mailquay.example');
const SAMPLES = Array.from({ length: 40 }, (_, i) => Buffer.from(maker.next(new Date(1.7e12 + i * 1e7)).raw));
const TOKENS = [
  '\r\n',
  '\n',
  '\0',
  '--',
  '=',
  '=?utf-8?B?',
  '?=',
  '"',
  '<',
  '>',
  '(',
  ')',
  ';',
  ':',
  ',',
  '\xff',
  ' ',
];

/** A generated mail with pieces cut, doubled, swapped for bytes that mean something, or noise. */
const mutated = fc
  .tuple(
    fc.constantFrom(...SAMPLES),
    fc.array(fc.tuple(fc.nat(), fc.nat(400), fc.constantFrom(...TOKENS), fc.nat(3)), {
      minLength: 1,
      maxLength: 12,
    }),
  )
  .map(([raw, edits]) => {
    let bytes = raw;
    for (const [at, length, token, kind] of edits) {
      const from = at % (bytes.length + 1);
      const piece = bytes.subarray(from, from + length);
      const put =
        kind === 0
          ? Buffer.alloc(0)
          : kind === 1
            ? Buffer.concat([piece, piece])
            : Buffer.from(token, 'latin1');
      bytes = Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + (kind === 3 ? 0 : length))]);
    }
    return bytes;
  });

function storable(value: unknown): void {
  const text = JSON.stringify(value, (_key, v) => (v instanceof Uint8Array ? undefined : v));
  // What PostgreSQL refuses in text and jsonb: U+0000 and half surrogates, escaped as JSON has them.
  expect(/\\u0000|\\ud[89a-f][0-9a-f]{2}/i.test(text.replaceAll('\\\\', ''))).toBe(false);
}

describe('parsers take anything', () => {
  it(
    'mails that were mutated become a storable message',
    () => {
      holds(mutated, (raw) => {
        const mail = prepareMail(raw);
        storable(mail);
        expect(mail.size).toBe(raw.length);
        for (const a of mail.attachments) {
          expect(a.offset >= 0 && a.length >= 0 && a.offset + a.length <= raw.length).toBe(true);
        }
      });
    },
    TIMEOUT_MS,
  );

  it(
    'bytes that are no mail become a storable message, and keep their identity',
    () => {
      holds(fc.uint8Array({ maxLength: 4_000 }), (bytes) => {
        const raw = Buffer.from(bytes);
        storable(prepareMail(raw));
        expect(fingerprint(raw).equals(fingerprint(Buffer.from(raw)))).toBe(true);
      });
    },
    TIMEOUT_MS,
  );

  it(
    'header texts become storable values',
    () => {
      holds(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const header = text.replaceAll(/[\r\n]/g, ' ');
        const lines = ['Subject', 'From', 'To', 'References', 'Content-Type'].map(
          (name) => `${name}: ${header}\r\n`,
        );
        storable(prepareMail(Buffer.from(`${lines.join('')}\r\n${text}`)));
        for (const { email } of parseAddressList(text)) expect(email).toContain('@');
        for (const { from, to } of parseUidSet(text)) expect(from <= to).toBe(true);
      });
    },
    TIMEOUT_MS,
  );
});
