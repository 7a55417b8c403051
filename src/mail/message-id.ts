/** Message identifiers (RFC 5322 3.6.4) out of header text of any quality. */

/** Longest id kept, in UTF-16 units. Longer ones are no identifiers and are left out, never shortened. */
export const MAX_MESSAGE_ID = 4_096;

/**
 * Ids in order, without angle brackets and inner white space, case kept, repetitions dropped. Text in angle
 * brackets counts; when there is none, bare words with an '@' do (In-Reply-To may be prose, RFC 5322 4.5.4).
 * Past `max` the first and the last halves stay: the root and the parents. Linear.
 */
export function extractMessageIds(text: string, max = 200): string[] {
  const seen = new Set<string>();
  let open = text.indexOf('<');
  while (open >= 0) {
    const close = text.indexOf('>', open + 1);
    if (close < 0) break;
    const start = text.lastIndexOf('<', close) + 1;
    addId(seen, text.slice(start, close));
    open = text.indexOf('<', close + 1);
  }
  if (seen.size === 0) {
    for (const word of text.split(/[\s,;<>]/)) if (word.includes('@')) addId(seen, word);
  }
  if (seen.size <= max) return [...seen];
  const ids = [...seen];
  const head = Math.ceil(max / 2);
  return [...ids.slice(0, head), ...ids.slice(ids.length - (max - head))];
}

/** The id of a Message-ID header: the first in brackets, else the whole value. Null when there is none. */
export function messageIdOf(text: string): string | null {
  const bracketed = extractMessageIds(text, 2)[0];
  if (bracketed !== undefined) return bracketed;
  const bare = new Set<string>();
  addId(bare, text.replace(/[<>]/g, ''));
  return [...bare][0] ?? null;
}

function addId(ids: Set<string>, text: string): void {
  if (text.length > MAX_MESSAGE_ID * 2) return;
  const id = text.replace(/[\u0000-\u0020\u007f]/g, '');
  if (id.length > 0 && id.length <= MAX_MESSAGE_ID) ids.add(id);
}
