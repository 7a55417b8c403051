/** The values that `parseMail` returns. Every string is well-formed Unicode without U+0000. */

import type { Participant } from '../address.ts';
import type { Header } from '../headers.ts';

export type { Participant } from '../address.ts';

/** One leaf of the MIME tree that is not shown as the body. Its bytes are never decoded by the parser. */
export interface ParsedAttachment {
  /** IMAP part number of the leaf (RFC 3501 6.4.5), such as '2' or '1.2'. */
  part: string;
  /** Decoded (RFC 2231, 2047) and made harmless: no control characters, path separators, bidi overrides. */
  filename: string | null;
  /** Lower-case type/subtype, without parameters; told by the filename when the part does not say it. */
  contentType: string;
  /** Decoded bytes. */
  size: number;
  /** Meant to be shown inside the body: referenced by cid:, inline with an id, or an image in a related. */
  isInline: boolean;
  /** Without the angle brackets. */
  contentId: string | null;
  contentDisposition: 'attachment' | 'inline' | null;
  /** Lower-case Content-Transfer-Encoding; '7bit' when absent. What `decodeBody` takes. */
  encoding: string;
  /** Byte range of the encoded body inside the raw mail. */
  offset: number;
  length: number;
  /** Hex SHA-256 of the encoded bytes. */
  sha256: string;
}

export interface ParsedMail {
  /** Ids are without angle brackets, trimmed, case kept. */
  messageId: string | null;
  inReplyTo: string[];
  /** At most MAX_REFERENCES: the first and the last ones kept. */
  references: string[];
  subject: string;
  from: Participant[];
  to: Participant[];
  cc: Participant[];
  bcc: Participant[];
  replyTo: Participant[];
  /** Date header in unix seconds, null when absent or unreadable. */
  date: number | null;
  /** In order, duplicates kept, unfolded, encoded words left as they are. */
  headers: Header[];
  html: string | null;
  text: string | null;
  /** HTML preferred; plain text upgraded to HTML. Not sanitised: it is what the sender wrote. */
  body: string;
  /** About the first SNIPPET_LENGTH characters of visible text, white space collapsed. */
  snippet: string;
  attachments: ParsedAttachment[];
  /** List-Id between its angle brackets, lower-case (RFC 2919). */
  listId: string | null;
  /** Auto-Submitted keyword, lower-case (RFC 3834). */
  autoSubmitted: string | null;
  /** Why the result is incomplete: caps that were met, comma separated. */
  parseError: string | null;
}
