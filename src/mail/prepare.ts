import { hash } from 'node:crypto';
import { normalizeAddress } from './address.ts';
import { fingerprint } from './fingerprint.ts';
import { parseMail } from './mime/parse.ts';
import type { ParsedAttachment, Participant } from './mime/types.ts';
import { type SearchDocument, searchDocument, visibleText } from './search/document.ts';
import { baseSubject } from './subject.ts';
import { subjectKey, threadKeys } from './threading/keys.ts';
import { zstd } from './zstd.ts';

/** A mail made ready for the store: everything that costs CPU is done, and it can cross to another thread. */
export interface PreparedMail {
  messageId: string | null;
  inReplyTo: string | null;
  references: string[];
  subject: string;
  /** Hex; null when the base subject is empty. */
  subjectKey: string | null;
  /** The subject begins with a reply or forward prefix. */
  isReply: boolean;
  /** Hex keys of every id in its headers. */
  threadKeys: string[];
  from: Participant[];
  to: Participant[];
  cc: Participant[];
  bcc: Participant[];
  replyTo: Participant[];
  /** Normalised address of the (first) author. */
  sender: string | null;
  /** Normalised addresses of from, to, cc and bcc, sorted. */
  participants: string[];
  /** Date header, unix seconds. */
  sentDate: number | null;
  snippet: string;
  attachments: ParsedAttachment[];
  hasAttachment: boolean;
  size: number;
  sha256: Uint8Array;
  fingerprint: Uint8Array;
  parseError: string | null;
  /** What it is found by; whose it is and when it came are still to be added. */
  search: SearchDocument;
  /** zstd of the body. */
  body: Uint8Array;
  /** zstd of the headers as JSON. */
  headers: Uint8Array;
}

/** Most addresses that are kept for searching; a mail to thousands stays readable in full. */
const MAX_PARTICIPANTS = 1_000;
/** A Message-ID longer than this is kept cut; its thread key is made from the whole. */
const MAX_STORED_ID_CHARS = 998;
/** A subject longer than this is cut: it stands in every list. RFC 5322 lines have 998 characters. */
const MAX_SUBJECT_CHARS = 8_000;
/** Decoded body text above this many bytes is cut, and the mail says so. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** Parses and packs one raw mail. Never throws: what cannot be read is said in `parseError`. */
export function prepareMail(raw: Buffer): PreparedMail {
  const parsed = parseMail(raw);
  const { base, isReply } = baseSubject(parsed.subject);
  const participants = new Set<string>();
  for (const list of [parsed.from, parsed.to, parsed.cc, parsed.bcc]) {
    for (const { email } of list)
      if (email && participants.size < MAX_PARTICIPANTS) participants.add(normalizeAddress(email));
  }
  let parseError = parsed.parseError;
  let body = Buffer.from(parsed.body, 'utf8');
  if (body.length > MAX_BODY_BYTES) {
    body = Buffer.from(
      body
        .subarray(0, MAX_BODY_BYTES)
        .toString('utf8')
        .replace(/\ufffd+$/, ''),
      'utf8',
    );
    parseError = [parseError, `body cut at ${MAX_BODY_BYTES} bytes`].filter(Boolean).join(', ');
  }
  const sha256 = hash('sha256', raw, 'buffer');
  const subject = parsed.subject.slice(0, MAX_SUBJECT_CHARS).toWellFormed();
  return {
    messageId: parsed.messageId?.slice(0, MAX_STORED_ID_CHARS).toWellFormed() ?? null,
    inReplyTo: parsed.inReplyTo[0]?.slice(0, MAX_STORED_ID_CHARS).toWellFormed() ?? null,
    references: parsed.references.map((id) => id.slice(0, MAX_STORED_ID_CHARS).toWellFormed()),
    subject,
    subjectKey: base ? subjectKey(base) : null,
    isReply,
    threadKeys: threadKeys(parsed),
    from: parsed.from,
    to: parsed.to,
    cc: parsed.cc,
    bcc: parsed.bcc,
    replyTo: parsed.replyTo,
    sender: parsed.from[0]?.email ? normalizeAddress(parsed.from[0].email) : null,
    participants: [...participants].sort(),
    sentDate: parsed.date,
    snippet: parsed.snippet,
    attachments: parsed.attachments,
    hasAttachment: parsed.attachments.some((a) => !a.isInline),
    size: raw.length,
    sha256,
    fingerprint: fingerprint(raw, sha256),
    parseError,
    search: searchDocument({
      subject,
      from: parsed.from,
      to: parsed.to,
      cc: parsed.cc,
      bcc: parsed.bcc,
      filenames: parsed.attachments.flatMap((attachment) => attachment.filename ?? []),
      text: visibleText(parsed.html, parsed.text),
    }),
    body: zstd(body),
    headers: zstd(Buffer.from(JSON.stringify(parsed.headers), 'utf8')),
  };
}
