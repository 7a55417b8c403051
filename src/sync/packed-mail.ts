/**
 * A prepared mail as it travels from the thread that parsed it to the one that stores it: the few facts that the sync
 * decides by, and the rest already in the form in which it is sent to PostgreSQL. Object graphs are dear to clone
 * between threads; one string and one buffer for a batch are not.
 */
import type { ParsedAttachment } from '../mail/mime/types.ts';
import type { PreparedMail } from '../mail/prepare.ts';
import { MAX_PARTICIPANTS } from '../mail/threading/keys.ts';
import type { MessageContent } from '../store/message-writes.ts';

interface Facts {
  /** Normalised address of the (first) author. */
  sender: string | null;
  /** Hex; see threading/keys.ts, also for the next three. */
  threadKeys: string[];
  subjectKey: string | null;
  isReply: boolean;
  hasReferences: boolean;
  /** Normalised addresses, sorted: as many as threading compares. */
  participants: string[];
  attachments: ParsedAttachment[];
  parseError: string | null;
  /** The subject as it is looked into. */
  searchSubject: string;
}

export interface PackedMail extends Facts {
  fingerprint: Buffer;
  /** JSON of a {@link MessageContent}. */
  content: string;
  /** zstd of the body, and of the headers as JSON. */
  body: Buffer;
  headers: Buffer;
  /** The search document without the keys of its owner, in UTF-8. */
  document: Buffer;
}

/** Many packed mails: what a thread hands over. */
export interface Parcel {
  /** JSON of {@link Facts}[]. */
  facts: string;
  contents: string[];
  /** Of each mail its fingerprint, body, headers and document. */
  bytes: Uint8Array;
  lengths: number[];
}

const PIECES = 4;

export function packMails(mails: PreparedMail[]): Parcel {
  const pieces = mails.flatMap((mail) => [
    mail.fingerprint,
    mail.body,
    mail.headers,
    Buffer.from(mail.search.vector, 'utf8'),
  ]);
  const lengths = pieces.map((piece) => piece.length);
  // Of its own, not out of a pool: it is handed over whole.
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return {
    facts: JSON.stringify(mails.map(factsOf)),
    contents: mails.map((mail) => JSON.stringify(contentOf(mail))),
    bytes,
    lengths,
  };
}

export function unpackMails({ facts, contents, bytes, lengths }: Parcel): PackedMail[] {
  let at = 0;
  let piece = 0;
  const next = () => {
    const begin = at;
    at += lengths[piece++] as number;
    return Buffer.from(bytes.buffer, bytes.byteOffset + begin, at - begin);
  };
  if (lengths.length !== PIECES * contents.length) throw new Error('a parcel of mails is not whole');
  return (JSON.parse(facts) as Facts[]).map((fact, i) => ({
    ...fact,
    content: contents[i] as string,
    fingerprint: next(),
    body: next(),
    headers: next(),
    document: next(),
  }));
}

/** One mail, without a journey. */
export function packMail(mail: PreparedMail): PackedMail {
  return unpackMails(packMails([mail]))[0] as PackedMail;
}

function factsOf(mail: PreparedMail): Facts {
  return {
    sender: mail.sender,
    threadKeys: mail.threadKeys,
    subjectKey: mail.subjectKey,
    isReply: mail.isReply,
    hasReferences: mail.references.length > 0 || mail.inReplyTo !== null,
    participants: mail.participants.slice(0, MAX_PARTICIPANTS),
    attachments: mail.attachments,
    parseError: mail.parseError,
    searchSubject: mail.search.subject,
  };
}

function contentOf(mail: PreparedMail): MessageContent {
  return {
    messageId: mail.messageId,
    inReplyTo: mail.inReplyTo,
    references: mail.references,
    subjectKey: mail.subjectKey,
    subject: mail.subject,
    from: mail.from,
    to: mail.to,
    cc: mail.cc,
    bcc: mail.bcc,
    replyTo: mail.replyTo,
    participants: mail.participants,
    snippet: mail.snippet,
    hasAttachment: mail.hasAttachment,
    size: mail.size,
    sha256: Buffer.from(mail.sha256).toString('hex'),
  };
}
