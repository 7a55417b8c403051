/** What a message is threaded by: keys from its headers, and the facts for the subject fallback. */

import { hash } from 'node:crypto';
import { normalizeAddress } from '../address.ts';
import { baseSubject } from '../subject.ts';

/** Participants looked at per message: bounds the work that a list bomb can make. The lowest in order count. */
export const MAX_PARTICIPANTS = 100;

/** The header values that threading reads; `ParsedMail` is one. Ids are without angle brackets. */
export interface ThreadHeaders {
  messageId: string | null;
  inReplyTo: string[];
  references: string[];
}

export interface ThreadSource extends ThreadHeaders {
  subject: string;
  from: { email: string }[];
  to: { email: string }[];
  cc: { email: string }[];
}

/** What the subject fallback compares. Small enough to be stored with a message. */
export interface SubjectFacts {
  /** `subjectKey` of the base subject; null when that is empty. */
  subjectKey: string | null;
  /** The subject carries a reply or forward mark. */
  isReply: boolean;
  /** The message names other messages (References or In-Reply-To). */
  hasReferences: boolean;
  /** Unix seconds. */
  date: number;
  /** Normalised addresses of from, to and cc, each once, sorted, at most MAX_PARTICIPANTS. */
  participants: string[];
}

/** A message as `planThreads` takes it. `id` is the caller's own, unique. */
export interface ThreadMail extends SubjectFacts {
  id: string;
  keys: string[];
}

/** 16 bytes of SHA-256 as hex: the form of every key. */
function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
}

/**
 * Keys of a message: one per id among its own, its references and its in-reply-to, each once. Ids compare
 * case-sensitively (contract-platform 9.9). Two messages that share a key are in one thread.
 */
export function threadKeys(mail: ThreadHeaders): string[] {
  const ids = new Set<string>();
  for (const id of [mail.messageId ?? '', ...mail.references, ...mail.inReplyTo]) {
    const trimmed = id.trim();
    if (trimmed.length > 0) ids.add(trimmed);
  }
  return [...ids].map(shortHash);
}

/** Key of a base subject (`baseSubject`), null for the empty one, which never links. */
export function subjectKey(base: string): string | null {
  return base === '' ? null : shortHash(`subject:${base}`);
}

/** Facts of a parsed mail for threading; `date` is unix seconds, of the server where known. */
export function threadMail(id: string, mail: ThreadSource, date: number): ThreadMail {
  const { base, isReply } = baseSubject(mail.subject);
  const addresses = [...mail.from, ...mail.to, ...mail.cc].map(({ email }) => normalizeAddress(email));
  return {
    id,
    keys: threadKeys(mail),
    subjectKey: subjectKey(base),
    isReply,
    hasReferences: mail.references.length > 0 || mail.inReplyTo.length > 0,
    date,
    participants: [...new Set(addresses)].sort().slice(0, MAX_PARTICIPANTS),
  };
}
