import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_REFERENCES } from './limits.ts';
import { parseMail } from './parse.ts';

/** A mail from lines, with CRLF. */
const mail = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1');
const mixed = 'Content-Type: multipart/mixed; boundary=x';

test('a reply with alternative, inline image and attachment', () => {
  const raw = mail(
    'Message-ID: <2@x.org>',
    'In-Reply-To: <1@x.org>',
    'References: <0@x.org>\r\n <1@x.org>',
    'Date: Tue, 3 Nov 2026 10:00:00 +0100',
    'From: =?utf-8?Q?J=C3=B6?= <jo@x.org>',
    'To: a@x.org, b@x.org',
    'Cc: c@x.org',
    'Reply-To: r@x.org',
    'Subject: =?utf-8?Q?Caf=C3=A9?=',
    'List-Id: News <news.x.org>',
    'Auto-Submitted: auto-replied; owner=x',
    'Content-Type: multipart/mixed; boundary="out"',
    '',
    'preamble',
    '--out',
    'Content-Type: multipart/alternative; boundary="out-in"',
    '',
    '--out-in',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Plain caf=C3=A9',
    '--out-in',
    'Content-Type: multipart/related; boundary=rel',
    '',
    '--rel',
    'Content-Type: text/html',
    '',
    '<p>Rich <img src="cid:logo@x"></p>',
    '--rel',
    'Content-Type: image/png; name="logo.png"',
    'Content-ID: <logo@x>',
    'Content-Transfer-Encoding: base64',
    '',
    'AAEC',
    '--rel--',
    '--out-in--',
    '--out',
    'Content-Type: application/pdf',
    "Content-Disposition: attachment; filename*0*=utf-8''caf%C3; filename*1*=%A9; filename*2=.pdf",
    'Content-Transfer-Encoding: base64',
    '',
    'SGVsbG8=',
    '--out--',
    'epilogue',
  );
  const parsed = parseMail(raw);
  expect(parsed).toMatchObject({
    messageId: '2@x.org',
    inReplyTo: ['1@x.org'],
    references: ['0@x.org', '1@x.org'],
    date: Date.parse('2026-11-03T09:00:00Z') / 1000,
    from: [{ name: 'Jö', email: 'jo@x.org' }],
    to: [{ email: 'a@x.org' }, { email: 'b@x.org' }],
    cc: [{ email: 'c@x.org' }],
    bcc: [],
    replyTo: [{ email: 'r@x.org' }],
    subject: 'Café',
    listId: 'news.x.org',
    autoSubmitted: 'auto-replied',
    text: 'Plain café',
    html: '<p>Rich <img src="cid:logo@x"></p>',
    body: '<p>Rich <img src="cid:logo@x"></p>',
    snippet: 'Rich',
    parseError: null,
  });
  expect(parsed.headers[2]).toEqual({ name: 'References', value: '<0@x.org> <1@x.org>' });
  const [logo, pdf] = parsed.attachments;
  expect(logo).toMatchObject({
    part: '1.2.2',
    filename: 'logo.png',
    isInline: true,
    contentId: 'logo@x',
    size: 3,
  });
  expect(pdf).toMatchObject({
    part: '2',
    filename: 'café.pdf',
    isInline: false,
    size: 5,
    encoding: 'base64',
  });
  const bytes = raw.subarray(pdf!.offset, pdf!.offset + pdf!.length);
  expect(bytes.toString()).toBe('SGVsbG8=');
  expect(pdf!.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test('plain text is upgraded to HTML', () => {
  const parsed = parseMail(mail('Subject: x', '', 'a < b', 'https://x.org/'));
  expect(parsed.html).toBeNull();
  expect(parsed.body).toBe('a &lt; b<br>\n<a href="https://x.org/">https://x.org/</a>');
});

test('texts around an attachment are one body, in order', () => {
  const footer = ['--x', 'Content-Type: text/plain', '', 'footer'];
  const file = ['--x', 'Content-Type: application/zip', '', 'zz'];
  expect(parseMail(mail(mixed, '', '--x', '', 'one', ...file, ...footer, '--x--')).text).toBe('one\nfooter');
  const html = ['--x', 'Content-Type: text/html', '', '<p>rich</p>'];
  const both = parseMail(mail(mixed, '', ...html, ...file, ...footer, '--x--'));
  expect(both.html).toBe('<p>rich</p><br>\nfooter');
  expect(both.text).toBe('rich\nfooter');
});

test('attached mails, calendars, signatures and reports are opaque attachments', () => {
  const parsed = parseMail(
    mail(
      mixed,
      '',
      '--x',
      'Content-Type: message/rfc822',
      '',
      'Subject: =?utf-8?Q?In/ner=0D=0A?=',
      '',
      'inner body',
      '--x',
      'Content-Type: text/calendar; method=REQUEST',
      '',
      'BEGIN:VCALENDAR',
      '--x',
      'Content-Type: application/ms-tnef; name=winmail.dat',
      '',
      'x',
      '--x--',
    ),
  );
  expect(parsed.text).toBeNull();
  expect(parsed.attachments.map(({ filename, contentType }) => [filename, contentType])).toEqual([
    ['In_ner.eml', 'message/rfc822'],
    [null, 'text/calendar'],
    ['winmail.dat', 'application/ms-tnef'],
  ]);
});

test('an attachment that does not say what it is, is what its name says', () => {
  const part = (...fields: string[]) => ['--x', 'Content-Disposition: attachment', ...fields, '', 'x'];
  const parsed = parseMail(
    mail(
      mixed,
      '',
      '--x',
      'Content-Disposition: attachment; filename=A.PDF',
      '',
      '%PDF',
      ...part('Content-Type: application; name="table.xlsx"'),
      ...part('Content-Type: application/octet-stream; name=a.png'),
      ...part('Content-Type: garbage; name=a.unknown'),
      ...part(),
      '--x--',
    ),
  );
  expect(parsed.attachments.map(({ contentType }) => contentType)).toEqual([
    'application/pdf',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/octet-stream',
    'application/octet-stream',
    'text/plain',
  ]);
});

test.each([
  ['no closing delimiter', `${mixed}\n\n--x\n\nbody\n`],
  ['no boundary parameter', 'Content-Type: multipart/mixed\n\n--zz\n\nbody\n--zz--\n'],
  ['another boundary than named', `${mixed}\n\n--zz\n\nbody\n--zz--\n`],
  ['no part at all', `${mixed}\n\nbody`],
  ['a part behind the end', `${mixed}\n\n--x--\n--x\n\nbody\n--x--\n`],
  ['white space behind the delimiter', `${mixed}\n\n--x \t\n\nbody\n--x--  \n`],
  ['boundary that is a prefix of a line', `${mixed}\n\n--x\n\nbody\n--x--\n--xy\n\nno`],
  ['mbox line', 'From a@x Tue Nov  3 10:00:00 2026\nSubject: s\n\nbody'],
  ['no header', 'body'],
  ['blank lines first', '\n \nSubject: s\n\nbody'],
  ['CR only', `${mixed}\r\r--x\r\rbody\r--x--\r`.replaceAll('\n', '\r')],
  ['missing subtype', 'Content-Type: text\n\nbody'],
  ['broken field in the middle', 'Subject: s\nnonsense\nX-A: b\n\nbody'],
])('%s', (_name, raw) => {
  for (const text of [raw, raw.replaceAll('\n', '\r\n')]) {
    expect(parseMail(Buffer.from(text)).snippet.replace(/ --xy no$/, '')).toBe('body');
  }
});

test('empty and header-only mail', () => {
  expect(parseMail(Buffer.alloc(0))).toMatchObject({ text: null, body: '', snippet: '', parseError: null });
  expect(parseMail(mail('Subject: only'))).toMatchObject({ subject: 'only', text: null, attachments: [] });
});

test('format=flowed with DelSp, quoted-printable soft breaks, base64 with junk', () => {
  const flowed = 'Content-Type: text/plain; format=flowed; delsp=yes';
  expect(parseMail(mail(flowed, '', 'long ', 'line', '> quoted ', '> text', '-- ', 'sig')).text).toBe(
    'longline\n> quotedtext\n-- \nsig',
  );
  const base64 = mail(
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: BASE64',
    '',
    'w6',
    '!k=',
  );
  expect(parseMail(base64).text).toBe('é');
});

test.each([
  ['../../etc/passwd', 'etc_passwd'],
  ['C:\\x\\y.doc', 'C:_x_y.doc'],
  ['evil/../резюме.pdf', 'evil_резюме.pdf'],
  ['a\u0000b.txt', 'ab.txt'],
  ['in\u202evoice.exe', 'invoice.exe'],
  ['..', null],
  [`${'n'.repeat(5_000)}.pdf`, `${'n'.repeat(251)}.pdf`],
])('attachment name %.20j', (name, safe) => {
  const encoded = `=?utf-8?B?${Buffer.from(name).toString('base64')}?=`;
  const part = ['--x', `Content-Disposition: attachment; filename="${encoded}"`, '', 'z', '--x--'];
  expect(parseMail(mail(mixed, '', ...part)).attachments[0]?.filename).toBe(safe);
});

test('an encoded word makes no header and no address', () => {
  const parsed = parseMail(
    mail('From: =?utf-8?Q?a=40evil.com=0D=0ABcc:_x=40y?= <a@x.org>', 'Subject: =?utf-8?Q?a=0D=0ABcc:_b=00?='),
  );
  expect(parsed.from.map(({ email }) => email)).toEqual(['a@x.org']);
  expect(parsed.bcc).toEqual([]);
  expect(parsed.subject).toBe('a Bcc: b\ufffd'.trim());
});

test('caps: deep, wide, long and many are cut off and named', () => {
  const deep = Array.from(
    { length: 10_000 },
    (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\n\n--b${i}\n`,
  );
  expect(parseMail(Buffer.from(deep.join(''))).parseError).toBe('truncated: depth');
  expect(parseMail(Buffer.from(`${mixed}\n\n${'--x\n\n'.repeat(1_000_000)}`)).parseError).toBe(
    'truncated: parts',
  );
  expect(parseMail(Buffer.from('A: b\n'.repeat(100_000))).parseError).toBe('truncated: header_count');
  expect(parseMail(Buffer.from(`A: ${'b'.repeat(10_000_000)}`)).parseError).toBe('truncated: header_bytes');
  const many = parseMail(Buffer.from(`To: ${'a@b.c,'.repeat(100_000)}`));
  expect(many.parseError).toBe('truncated: addresses');
  expect(parseMail(Buffer.concat([mail('', ''), Buffer.alloc(20_000_000, 'a b\n')])).parseError).toBe(
    'truncated: text_bytes',
  );
  const references = Array.from({ length: 10_000 }, (_, i) => `<${i}@x>`).join(' ');
  expect(parseMail(mail(`References: ${references}`)).references).toHaveLength(MAX_REFERENCES);
});

const line = fc.constantFrom(
  'Content-Type: multipart/mixed; boundary=x',
  'Content-Type: multipart/alternative; boundary=y',
  'Content-Type: text/html; charset=utf-16',
  'Content-Type: message/rfc822',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: quoted-printable',
  'Subject: =?utf-8?B?7aC9?= \ud800 \0',
  'From: "a@b" <c@d>, \0@x',
  '--x',
  '--y',
  '--x--',
  '--y--',
  '',
  ' folded',
  '<p>hi =ED=A0=80 &#xd800;</p>',
  '\xed\xa0\x80\xff',
  'QUJD=',
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array)),
  fc
    .tuple(fc.array(line, { maxLength: 25 }), fc.constantFrom('\n', '\r\n', '\r'))
    .map(([lines, end]) => Buffer.from(lines.join(end), 'latin1')),
);

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(strings) : [];
}

test('any bytes give a value that JSON and PostgreSQL take', () => {
  fc.assert(
    fc.property(bytes, (raw) => {
      const parsed = parseMail(raw);
      for (const text of strings(parsed)) expect(text.isWellFormed() && !text.includes('\0')).toBe(true);
      expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed);
      expect(parsed.parseError ?? '').not.toContain('parser');
      for (const { offset, length } of parsed.attachments) {
        expect(length).toBeGreaterThanOrEqual(0);
        expect(offset + length).toBeLessThanOrEqual(raw.length);
      }
    }),
    { numRuns: 2_000 },
  );
});
