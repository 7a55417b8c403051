/** Address lists (RFC 5322 3.4, with the obsolete forms of 4.4 that still arrive). */

import { domainToASCII } from 'node:url';
import { decodeEncodedWords, encodedWordEnd } from './encoded-word.ts';
import { oneLine } from './well-formed.ts';

export interface Participant {
  name?: string;
  email: string;
}

/** A piece of a mailbox before its meaning is known. `space`: white space stood before it. */
interface Token {
  kind: 'atom' | 'quoted' | 'word';
  text: string;
  space: boolean;
}

/** Pieces of one mailbox; a name has a handful. A mailbox with more is left out. */
const MAX_TOKENS = 1_000;

/**
 * Mailboxes of an address header, groups flattened, at most `max`. What is quoted, commented or encoded is
 * only ever a name or a quoted local part: it cannot become another address or another domain. Entries
 * without an address ('undisclosed-recipients:;', bare names) are left out. Domains keep their form (IDN).
 * `text` is the unfolded header with encoded words not decoded. One pass, linear.
 */
export function parseAddressList(text: string, max = 2_000): Participant[] {
  const found: Participant[] = [];
  let tokens: Token[] = [];
  let angle: Token[] | null = null; // tokens between '<' and '>'
  let inAngle = false;
  let comment = '';
  let space = false;
  let sawAt = false; // an '@' stood outside quotes and brackets

  const push = (into: Token[], token: Token) => {
    if (into.length <= MAX_TOKENS) into.push(token);
    if (into === tokens && holdsAt(token)) sawAt = true;
  };
  const flush = () => {
    const { email, rest } = angle ? { email: addrSpec(angle), rest: tokens } : looseAddress(tokens);
    const whole = tokens.length <= MAX_TOKENS && (angle?.length ?? 0) <= MAX_TOKENS;
    if (email && whole && found.length < max) {
      const name = displayName(rest) || oneLine(decodeEncodedWords(comment));
      found.push(name ? { name, email } : { email });
    }
    tokens = [];
    angle = null;
    inAngle = false;
    comment = '';
    sawAt = false;
  };

  let i = 0;
  while (i < text.length && found.length < max) {
    const char = text[i]!;
    const into: Token[] = inAngle && angle ? angle : tokens;
    if (char === ' ' || char === '\t' || char === '\r' || char === '\n') {
      space = true;
      i++;
      continue;
    }
    if (char === '"') {
      const read = readQuoted(text, i);
      push(into, { kind: 'quoted', text: read.text, space });
      i = read.end;
    } else if (char === '(') {
      const read = readComment(text, i);
      comment = read.text;
      i = read.end;
      space = true;
      continue;
    } else if (char === '<') {
      if (angle === null) angle = [];
      else if (inAngle) angle.length = 0;
      inAngle = true;
      i++;
    } else if (char === '>') {
      // a '>' that closes nothing keeps its neighbours apart
      if (angle === null) push(tokens, { kind: 'word', text: '>', space: true });
      inAngle = false;
      i++;
    } else if (char === ',' || char === ';') {
      // commas belong to an obsolete route '<@a,@b:c@d>' (RFC 5322 4.4)
      if (!(char === ',' && inAngle && angle?.[0]?.text.startsWith('@'))) flush();
      i++;
    } else if (char === ':') {
      if (inAngle && angle) angle.length = 0;
      else if (sawAt) push(tokens, { kind: 'word', text: ':', space: true });
      else tokens = [];
      i++;
    } else {
      const wordEnd = char === '=' ? encodedWordEnd(text, i) : -1;
      const end = wordEnd > 0 ? wordEnd : atomEnd(text, i);
      push(into, { kind: wordEnd > 0 ? 'word' : 'atom', text: text.slice(i, end), space });
      i = end;
    }
    space = false;
  }
  flush();
  return found;
}

function holdsAt(token: Token): boolean {
  return token.kind === 'atom' && token.text.includes('@');
}

/** Address among tokens without angle brackets: the part around the last unquoted '@'. The rest is the name. */
function looseAddress(tokens: Token[]): { email: string | null; rest: Token[] } {
  let at = tokens.length - 1;
  while (at >= 0 && !holdsAt(tokens[at]!)) at--;
  if (at < 0) return { email: null, rest: tokens };
  let first = at;
  while (first > 0 && binds(tokens[first - 1]!, tokens[first]!)) first--;
  let last = at;
  while (last + 1 < tokens.length && binds(tokens[last]!, tokens[last + 1]!)) last++;
  const rest = [...tokens.slice(0, first), ...tokens.slice(last + 1)];
  return { email: addrSpec(tokens.slice(first, last + 1)), rest };
}

/** Do two tokens belong to one address? Adjacent ones do, and those around '.' or '@' (RFC 5322 4.4). */
function binds(left: Token, right: Token): boolean {
  if (!right.space) return true;
  const end = left.kind === 'atom' ? left.text.at(-1) : '';
  const start = right.kind === 'atom' ? right.text[0] : '';
  return end === '@' || start === '@' || end === '.' || start === '.';
}

/** 'local@domain' of tokens; the domain is what stands behind the last unquoted '@'. Null when there is none. */
function addrSpec(tokens: Token[]): string | null {
  let at = tokens.length - 1;
  while (at >= 0 && !holdsAt(tokens[at]!)) at--;
  if (at < 0) return null;
  const token = tokens[at]!;
  const cut = token.text.lastIndexOf('@');
  let domain = token.text.slice(cut + 1);
  for (let i = at + 1; i < tokens.length; i++) {
    if (tokens[i]!.kind !== 'atom' || !binds(tokens[i - 1]!, tokens[i]!)) break;
    domain += tokens[i]!.text;
  }
  const before = [...tokens.slice(0, at), { ...token, text: token.text.slice(0, cut) }];
  const local = localPart(before.filter((piece) => piece.text.length > 0 || piece.kind === 'quoted'));
  if (local === null || !isDomain(domain)) return null;
  return `${local}@${domain}`;
}

/** A local part in its shortest correct spelling: bare when it is a dot-atom, else quoted. */
function localPart(tokens: Token[]): string | null {
  let text = '';
  let quoted = false;
  for (const [i, token] of tokens.entries()) {
    if (i > 0 && !binds(tokens[i - 1]!, token)) text += ' ';
    if (token.kind === 'quoted') quoted = true;
    text += token.text;
  }
  if (text.length === 0 && !quoted) return null;
  if (hasControl(text)) return null;
  if (isDotAtom(text)) return text;
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

const NOT_ATOM = new Set(' \t"(),:;<>@[\\]');

/** Dot-atom of RFC 5322 3.2.3, loosened: UTF-8 (RFC 6532) and odd dots pass, specials do not. */
function isDotAtom(text: string): boolean {
  for (const char of text) if (NOT_ATOM.has(char)) return false;
  return text.length > 0;
}

function isDomain(text: string): boolean {
  if (text.length === 0 || text.length > 255 || hasControl(text)) return false;
  if (text[0] === '[') return text.at(-1) === ']' && !text.slice(1, -1).includes(']');
  return isDotAtom(text);
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0xfffd) return true;
  }
  return false;
}

function displayName(tokens: Token[]): string {
  let name = '';
  for (const [i, token] of tokens.entries()) {
    if (i > 0 && (token.space || tokens[i - 1]!.kind === 'quoted')) name += ' ';
    name += token.text;
  }
  return oneLine(decodeEncodedWords(name));
}

/** Quoted string at `at` without its quotes and escapes (RFC 5322 3.2.4); an open one ends with the text. */
function readQuoted(text: string, at: number): { text: string; end: number } {
  let out = '';
  let i = at + 1;
  let copied = i;
  while (i < text.length && text[i] !== '"') {
    if (text[i] === '\\' && i + 1 < text.length) {
      out += text.slice(copied, i);
      copied = ++i;
    }
    i++;
  }
  return { text: out + text.slice(copied, i), end: Math.min(text.length, i + 1) };
}

/** Comment at `at` with its inner comments (RFC 5322 3.2.2); nesting is counted, not recursed into. */
function readComment(text: string, at: number): { text: string; end: number } {
  let depth = 0;
  let i = at;
  for (; i < text.length; i++) {
    const char = text[i];
    if (char === '\\') i++;
    else if (char === '(') depth++;
    else if (char === ')' && --depth === 0) break;
  }
  return { text: text.slice(at + 1, i), end: Math.min(text.length, i + 1) };
}

const ENDS_ATOM = new Set(' \t\r\n"(),:;<>');

function atomEnd(text: string, at: number): number {
  let i = at;
  if (text[i] === '[') return literalEnd(text, i);
  while (i < text.length && !ENDS_ATOM.has(text[i]!)) {
    if (text[i] === '[' && text[i - 1] === '@') return literalEnd(text, i);
    i++;
  }
  return Math.max(i, at + 1);
}

/** Behind the ']' of a domain literal such as '[IPv6:::1]'; where it never closes, up to the next special. */
function literalEnd(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length && i - at < 100 && /[0-9A-Za-z:.%_-]/.test(text[i]!)) i++;
  return text[i] === ']' ? i + 1 : at + 1;
}

/**
 * Spelling for comparison: lower-case, domain in ASCII (IDNA), needless quotes removed. Not for display.
 * Text without '@' comes back trimmed and lower-case.
 */
export function normalizeAddress(email: string): string {
  const plain = email.trim();
  const at = plain.lastIndexOf('@');
  if (at < 0) return plain.toLowerCase();
  let local = plain.slice(0, at).toLowerCase();
  if (local.length > 1 && local.startsWith('"') && local.endsWith('"')) {
    const inner = readQuoted(local, 0).text;
    if (isDotAtom(inner)) local = inner;
  }
  const domain = plain.slice(at + 1).toLowerCase();
  return `${local}@${domainToASCII(domain) || domain}`;
}
