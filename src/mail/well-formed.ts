/** Strings that PostgreSQL text and JSON accept: well-formed UTF-16 without U+0000 (reliability.md SY15). */

/** Body text: NULs dropped (they come from UTF-16 sent under an 8-bit name), lone surrogates replaced. */
export function cleanText(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '') : whole;
}

/** Header text: NULs become U+FFFD, so that dropping one can never join two halves into an address. */
export function cleanHeader(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '\ufffd') : whole;
}

/** One displayed line: control characters become spaces, white space collapsed, trimmed. Linear. */
export function oneLine(text: string): string {
  return cleanHeader(text)
    .replace(/[\u0000-\u0020\u007f-\u009f\u00a0\u2028\u2029]+/g, ' ')
    .trim();
}

/** At most `max` UTF-16 units of text, never half a surrogate pair. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max);
}
