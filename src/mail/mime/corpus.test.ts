/** Agreement with the mail corpora of others, read in place (MAILQUAY_CORPORA or ../shared/corpora). */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseMail } from './parse.ts';
import type { ParsedMail } from './types.ts';

const root = join(
  process.env.MAILQUAY_CORPORA ?? resolve(import.meta.dirname, '../../../../shared/corpora'),
  'mime',
);
const present = existsSync(join(root, 'index.jsonl'));
if (!present) console.log(`left out: MIME corpora tests, nothing at ${root}`);

interface Row {
  file: string;
  expected: string | null;
}
interface Address {
  name: string | null;
  address: string | null;
}
type Value = {
  Text?: string;
  TextList?: string[];
  DateTime?: Record<string, number | boolean>;
  Address?: { List?: Address[]; Group?: { addresses: Address[] }[] };
};
type Node = { headers: { name: string; value: Value }[]; body: Record<string, unknown> };

const rows: Row[] = present
  ? readFileSync(join(root, 'index.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];

/** Every string of a result, to check that PostgreSQL and JSON take them. */
function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(strings) : [];
}

test.skipIf(!present)('every mail of the corpora parses to storable values', () => {
  for (const row of rows) {
    const raw = readFileSync(join(root, row.file));
    const mail = parseMail(raw);
    for (const text of strings(mail))
      expect(text.isWellFormed() && !text.includes('\0'), row.file).toBe(true);
    for (const { offset, length } of mail.attachments)
      expect(offset + length).toBeLessThanOrEqual(raw.length);
    expect(mail.parseError, row.file).toBeNull();
  }
  expect(rows.length).toBe(167);
});

const squeeze = (text: string) => text.replace(/[\s\ufffd]+/g, ' ').trim();

/** What differs between our reading and the expected tree, on what maps onto our values. */
function differences(mail: ParsedMail, parts: Node[]): string[] {
  const found: string[] = [];
  const differ = (what: string, ours: unknown, theirs: unknown) => {
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
      found.push(
        `${what}: ${JSON.stringify(ours)?.slice(0, 200)} / ${JSON.stringify(theirs)?.slice(0, 200)}`,
      );
    }
  };
  const header = (name: string) => parts[0]?.headers.filter((h) => h.name === name).map((h) => h.value) ?? [];
  const emails = (name: string) =>
    header(name)
      .flatMap((v) => v.Address?.List ?? v.Address?.Group?.flatMap((g) => g.addresses) ?? [])
      .map((a) => a.address ?? '')
      .filter((a) => a.includes('@'));
  for (const [name, ours] of [
    ['from', mail.from],
    ['to', mail.to],
    ['cc', mail.cc],
  ] as const) {
    differ(
      name,
      ours.map(({ email }) => email),
      emails(name),
    );
  }
  const subject = header('subject')[0]?.Text;
  if (subject !== undefined) differ('subject', mail.subject, squeeze(subject));
  const id = header('message_id')[0];
  if (id) differ('message-id', mail.messageId, id.Text ?? id.TextList?.[0]);
  const date = header('date')[0]?.DateTime;
  if (date) differ('date', mail.date, seconds(date));
  const shown = squeeze(`${mail.text ?? ''}\n${mail.html ?? ''}`);
  const sizes: number[] = [];
  for (const { body, headers } of parts) {
    const text = body.Text ?? body.Html;
    const binary = body.Binary ?? body.InlineBinary;
    if (typeof text === 'string' && !shown.includes(squeeze(text))) {
      const size = Buffer.byteLength(text);
      if (!mail.attachments.some((a) => a.contentType.startsWith('text/') && Math.abs(a.size - size) < 4)) {
        found.push(
          `text not shown: ${JSON.stringify(text.slice(0, 80))} in ${JSON.stringify(shown.slice(0, 80))}`,
        );
      }
    }
    if (Array.isArray(binary) && headers.length > 0) sizes.push(binary.length);
  }
  const ours = mail.attachments.map(({ size }) => size);
  for (const size of sizes) if (!ours.includes(size)) found.push(`no attachment of ${size} bytes in ${ours}`);
  const messages = mail.attachments.filter(({ contentType }) => contentType === 'message/rfc822').length;
  differ('attached mails', messages, parts.filter(({ body }) => 'Message' in body).length);
  return found;
}

function seconds(d: Record<string, number | boolean>): number {
  const zone = (Number(d.tz_hour) * 60 + Number(d.tz_minute)) * (d.tz_before_gmt ? -1 : 1);
  const [y, mo, day] = [Number(d.year), Number(d.month), Number(d.day)];
  return Date.UTC(y, mo - 1, day, Number(d.hour), Number(d.minute), Number(d.second)) / 1000 - zone * 60;
}

/** Expected trees that we read differently on purpose: the first words of each difference. */
const OURS: Record<string, string[]> = {
  // an outer boundary ends inner parts (RFC 2046 5.1.2); the tree there lets '--1' be text of the inner part
  'malformed/011.eml': ['text not shown: "22'],
  'malformed/012.eml': ['attached mails: 3 / 2'],
  // fuzzed alternative with four HTML faces: the last one is the body
  'malformed/019.eml': ['text not shown', 'text not shown', 'text not shown'],
  // message/rfc822 is opaque for us, whatever is inside
  'malformed/022.eml': ['text not shown', 'attached mails: 1 / 0'],
  // "base64" that is prose: the tree keeps the encoded text, we keep the range and the size it decodes to
  'rfc/000.eml': ['text not shown', 'text not shown'],
};

test.skipIf(!present)('expected trees agree', () => {
  const report: Record<string, string[]> = {};
  for (const row of rows) {
    if (row.expected === null) continue;
    const mail = parseMail(readFileSync(join(root, row.file)));
    const tree = JSON.parse(readFileSync(join(root, row.expected), 'utf8')) as { parts: Node[] };
    const found = differences(mail, tree.parts);
    const name = row.file.replace('stalwart/resources/eml/', '');
    const own = OURS[name] ?? [];
    const left = found.filter((text, i) => !text.startsWith(own[i] ?? '?'));
    if (left.length > 0) report[name] = left;
  }
  expect(report).toEqual({});
});
