/** Raw mail to values (RFC 5322, RFC 2045 to 2049). Structure first: only headers and texts are decoded. */

import { type Participant, parseAddressList } from '../address.ts';
import { parseMailDate } from '../date.ts';
import { displayText, fieldText, type Header, type RawField } from '../headers.ts';
import { extractMessageIds, messageIdOf } from '../message-id.ts';
import { makeSnippet } from '../snippet.ts';
import { textToHtml } from '../text-html.ts';
import { describeAttachments } from './attachment.ts';
import { readBody } from './body.ts';
import { MAX_ADDRESSES, MAX_REFERENCES, SNIPPET_LENGTH } from './limits.ts';
import { readStructure } from './structure.ts';
import type { ParsedMail } from './types.ts';

/** Longest list id and Auto-Submitted keyword kept, in characters. */
const MAX_TOKEN = 255;

/**
 * Parses a whole mail. Takes any bytes, never throws, linear in their number; what a cap cut off is named in
 * `parseError`. Attachments come as byte ranges of `raw`; read them with `decodeBody(encoding)`.
 */
export function parseMail(raw: Buffer): ParsedMail {
  try {
    return parse(raw);
  } catch (error) {
    // not known to happen; a mail must reach the store all the same (reliability.md SY16)
    return { ...EMPTY, parseError: `parser: ${error instanceof Error ? error.name : 'unknown'}` };
  }
}

const EMPTY: ParsedMail = {
  messageId: null,
  inReplyTo: [],
  references: [],
  subject: '',
  from: [],
  to: [],
  cc: [],
  bcc: [],
  replyTo: [],
  date: null,
  headers: [],
  html: null,
  text: null,
  body: '',
  snippet: '',
  attachments: [],
  listId: null,
  autoSubmitted: null,
  parseError: null,
};

function parse(given: Buffer): ParsedMail {
  const raw = withLineFeeds(given);
  const { root, problems } = readStructure(raw);
  const headers = root.fields.map(toHeader);
  const fields = new FieldReader(root.fields, headers, problems);
  const { text, html, attached } = readBody(raw, root, problems);
  const messageId = fields.first('message-id');
  const date = fields.first('date');
  return {
    messageId: messageId === null ? null : messageIdOf(messageId),
    inReplyTo: extractMessageIds(fields.all('in-reply-to'), MAX_REFERENCES),
    references: extractMessageIds(fields.all('references'), MAX_REFERENCES),
    subject: displayText(fields.first('subject') ?? ''),
    from: fields.addresses('from'),
    to: fields.addresses('to'),
    cc: fields.addresses('cc'),
    bcc: fields.addresses('bcc'),
    replyTo: fields.addresses('reply-to'),
    date: date === null ? null : parseMailDate(date),
    headers,
    html,
    text,
    body: html ?? (text === null ? '' : textToHtml(text)),
    snippet: makeSnippet(html, text, SNIPPET_LENGTH),
    attachments: describeAttachments(raw, attached, html),
    listId: listId(fields.first('list-id')),
    autoSubmitted:
      fields.first('auto-submitted')?.split(/[;\s]/)[0]?.toLowerCase().slice(0, MAX_TOKEN) || null,
    parseError: problems.size > 0 ? `truncated: ${[...problems].sort().join(', ')}` : null,
  };
}

/** Mail with bare CR line ends reads as with LF; offsets stay. Everything else is taken as it is. */
function withLineFeeds(raw: Buffer): Buffer {
  if (raw.includes(10) || !raw.includes(13)) return raw;
  const copy = Buffer.from(raw);
  for (let at = copy.indexOf(13); at >= 0; at = copy.indexOf(13, at + 1)) copy[at] = 10;
  return copy;
}

function toHeader(field: RawField): Header {
  return { name: field.name, value: fieldText(field.latin1) };
}

/** Fields of the top header block by lower-case name. */
class FieldReader {
  private readonly fields: RawField[];
  private readonly headers: Header[];
  private readonly problems: Set<string>;

  constructor(fields: RawField[], headers: Header[], problems: Set<string>) {
    this.fields = fields;
    this.headers = headers;
    this.problems = problems;
  }

  first(key: string): string | null {
    const index = this.fields.findIndex((field) => field.key === key);
    return index < 0 ? null : this.headers[index]!.value;
  }

  /** All values of a field, joined by a space. */
  all(key: string): string {
    return this.values(key).join(' ');
  }

  private values(key: string): string[] {
    const values: string[] = [];
    for (const [i, field] of this.fields.entries())
      if (field.key === key) values.push(this.headers[i]!.value);
    return values;
  }

  addresses(key: string): Participant[] {
    const values = this.values(key);
    if (values.length === 0) return [];
    const found = parseAddressList(values.join(', '), MAX_ADDRESSES + 1);
    if (found.length > MAX_ADDRESSES) this.problems.add('addresses');
    return found.slice(0, MAX_ADDRESSES);
  }
}

function listId(value: string | null): string | null {
  if (value === null) return null;
  const open = value.lastIndexOf('<');
  const close = value.indexOf('>', open);
  const id = (open >= 0 && close > open ? value.slice(open + 1, close) : value).trim().toLowerCase();
  return id.length > 0 ? id.slice(0, MAX_TOKEN).toWellFormed() : null;
}
