import type { Flags } from '../provider.ts';

/** Most keywords kept per message, and the longest: a server may invent any number. */
const MAX_KEYWORDS = 64;
const MAX_KEYWORD_CHARS = 128;

/** Reads IMAP flags (RFC 9051 2.3.2); system flags come in any case from some servers. */
export function readFlags(set: Iterable<string> | undefined): Flags {
  const flags: Flags = { seen: false, flagged: false, answered: false, draft: false, keywords: [] };
  for (const flag of set ?? []) {
    switch (flag.toLowerCase()) {
      case '\\seen':
        flags.seen = true;
        break;
      case '\\flagged':
        flags.flagged = true;
        break;
      case '\\answered':
        flags.answered = true;
        break;
      case '\\draft':
        flags.draft = true;
        break;
      // \Recent belongs to the session, not to the message.
      case '\\recent':
        break;
      default:
        if (flags.keywords.length < MAX_KEYWORDS && flag.length <= MAX_KEYWORD_CHARS) {
          flags.keywords.push(flag.toWellFormed().replaceAll('\0', ''));
        }
    }
  }
  flags.keywords.sort();
  return flags;
}
