import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBody } from './decode-body.ts';
import { decodedSize, decodeTransfer } from './transfer.ts';

async function streamed(encoding: string, chunks: Buffer[]): Promise<string> {
  return (await buffer(Readable.from(chunks).pipe(decodeBody(encoding)))).toString('latin1');
}

const cases: [string, string, string][] = [
  ['base64', 'SGVsbG8gV29ybGQ=', 'Hello World'],
  ['base64', 'SGVs\r\nbG8g\r\n V29y!bGQ=\r\n', 'Hello World'],
  ['base64', 'SGk=SGk=', 'HiHi'],
  ['base64', 'SGk', 'Hi'],
  ['base64', 'SGkA=B', 'Hi\0'],
  ['base64', '====', ''],
  ['quoted-printable', 'a=20b=\r\nc=C3=A9', 'a bc\xc3\xa9'],
  ['quoted-printable', 'soft= \t\r\nbreak=\nagain', 'softbreakagain'],
  ['quoted-printable', 'lies =ZZ == =4', 'lies =ZZ == =4'],
  ['quoted-printable', 'low=e9er=', 'low\xe9er'],
  ['quoted-printable', '= =\r\nx', '= x'],
  ['7bit', 'as=20is\r\n', 'as=20is\r\n'],
  ['x-uuencode', 'as is', 'as is'],
];

test.each(cases)('%s %j', (encoding, encoded, decoded) => {
  const bytes = Buffer.from(encoded, 'latin1');
  expect(decodeTransfer(bytes, encoding).toString('latin1')).toBe(decoded);
  expect(decodedSize(bytes, 0, bytes.length, encoding)).toBe(decoded.length);
});

test('chunks may be cut at every byte, and at every pair of bytes', async () => {
  for (const [encoding, encoded, decoded] of cases) {
    const bytes = Buffer.from(encoded, 'latin1');
    for (let i = 0; i <= bytes.length; i++) {
      for (let j = i; j <= bytes.length; j++) {
        const chunks = [bytes.subarray(0, i), bytes.subarray(i, j), bytes.subarray(j)].filter(
          (c) => c.length > 0,
        );
        expect(await streamed(encoding, chunks), `${encoded} at ${i}, ${j}`).toBe(decoded);
      }
    }
    expect(
      await streamed(
        encoding,
        [...bytes].map((byte) => Buffer.of(byte)),
      ),
    ).toBe(decoded);
  }
});

test('any bytes in any chunks: stream, buffer and size agree', async () => {
  const piece = fc.constantFrom(
    '=',
    '=\r\n',
    '=4',
    '1',
    ' ',
    '\t',
    '\r',
    '\n',
    'A',
    'QUJD',
    '==',
    '-',
    '\xff',
    '=E9',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('base64', 'quoted-printable'),
      fc.array(piece),
      async (encoding, pieces) => {
        const chunks = pieces.map((text) => Buffer.from(text, 'latin1'));
        const whole = Buffer.concat(chunks);
        const decoded = decodeTransfer(whole, encoding).toString('latin1');
        expect(await streamed(encoding, chunks)).toBe(decoded);
        expect(decodedSize(whole, 0, whole.length, encoding)).toBe(decoded.length);
      },
    ),
    { numRuns: 500 },
  );
});
