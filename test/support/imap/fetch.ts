/** FETCH rows and SEARCH matches from the model. Bytes are held as latin1. */
import { imapDate } from '../../../testbed/inject.ts';
import { bodyStructure, envelope, type Part, parsePart, section } from './mime.ts';
import type { ModelMessage } from './model.ts';
import { inSet, itemsOf, type Token, textOf, wireString } from './tokens.ts';

const MACROS: Record<string, string[]> = {
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODYSTRUCTURE'],
};

/** Names of the items that a FETCH asks for; UID always comes with UID FETCH. */
export function fetchItems(token: Token | undefined, uid: boolean): string[] {
  const names = itemsOf(token)
    .map(textOf)
    .flatMap((name) => MACROS[name.toUpperCase()] ?? [name]);
  return uid && !names.some((name) => name.toUpperCase() === 'UID') ? ['UID', ...names] : names;
}

export function fetchRow(sequence: number, message: ModelMessage, items: string[]): string {
  let text: string | undefined;
  let parsed: Part | undefined;
  const raw = () => {
    text ??= message.raw.toString('latin1');
    return text;
  };
  const part = () => {
    parsed ??= parsePart(raw());
    return parsed;
  };
  const pieces = items.flatMap((item) => piece(item, message, raw, part) ?? []);
  return `* ${sequence} FETCH (${pieces.join(' ')})`;
}

function piece(item: string, message: ModelMessage, raw: () => string, part: () => Part): string | undefined {
  switch (item.toUpperCase()) {
    case 'UID':
      return `UID ${message.uid}`;
    case 'FLAGS':
      return `FLAGS (${[...message.flags].join(' ')})`;
    case 'INTERNALDATE':
      return `INTERNALDATE "${imapDate(message.internalDate)}"`;
    case 'RFC822.SIZE':
      return `RFC822.SIZE ${message.raw.length}`;
    case 'ENVELOPE':
      return `ENVELOPE ${envelope(part())}`;
    case 'BODYSTRUCTURE':
      return `BODYSTRUCTURE ${bodyStructure(part())}`;
    case 'MODSEQ':
      return `MODSEQ (${message.modseq})`;
    case 'EMAILID':
      return `EMAILID (${message.emailId})`;
    case 'THREADID':
      return `THREADID (${message.threadId})`;
    case 'X-GM-MSGID':
      return `X-GM-MSGID ${message.gmMsgId}`;
    case 'X-GM-THRID':
      return `X-GM-THRID ${message.gmThreadId}`;
    case 'X-GM-LABELS':
      return `X-GM-LABELS (${message.gmLabels.map(wireString).join(' ')})`;
    default:
      return bodyPiece(item, raw, part);
  }
}

function bodyPiece(item: string, raw: () => string, part: () => Part): string | undefined {
  const match = /^(?:BODY|BINARY)(?:\.PEEK)?\[([^\]]*)\](?:<(\d+)(?:\.(\d+))?>)?$/i.exec(item);
  if (!match) return undefined;
  const [, name = '', first, count] = match;
  const whole = name === '' ? raw() : section(part(), raw(), name);
  const label = `BODY[${name}]${first === undefined ? '' : `<${first}>`}`;
  if (whole === undefined) return `${label} NIL`;
  const data =
    first === undefined ? whole : whole.slice(Number(first), Number(first) + Number(count ?? 1e15));
  return `${label} {${data.length}}\r\n${data}`;
}

/** Sequence numbers and messages that a search's keys name; unknown keys match nothing. */
export function search(
  keys: Token[],
  rows: [sequence: number, message: ModelMessage][],
): [sequence: number, message: ModelMessage][] {
  let found = rows;
  const queue = [...keys];
  const text = () => textOf(queue.shift());
  const keep = (test: (message: ModelMessage) => boolean) => {
    found = found.filter(([, message]) => test(message));
  };
  while (queue.length > 0) {
    const token = queue.shift();
    if (token?.kind === 'list') {
      found = search(token.items, found);
      continue;
    }
    const key = textOf(token).toUpperCase();
    const flag = FLAG_KEYS[key];
    if (key === 'ALL') continue;
    else if (key === 'CHARSET') text();
    else if (flag) keep((message) => message.flags.has(flag[0]) === flag[1]);
    else if (key === 'UID') {
      const set = inSet(
        text(),
        rows.map(([, message]) => message.uid),
      );
      keep((message) => set.has(message.uid));
    } else if (/^[\d*][\d:,*]*$/.test(key)) {
      const set = inSet(
        key,
        rows.map(([sequence]) => sequence),
      );
      found = found.filter(([sequence]) => set.has(sequence));
    } else if (key === 'KEYWORD' || key === 'UNKEYWORD') {
      const name = text();
      keep((message) => message.flags.has(name) === (key === 'KEYWORD'));
    } else if (key === 'HEADER') {
      const name = text();
      const value = text();
      keep((message) => fieldOf(message, name).includes(value.toLowerCase()));
    } else if (['SUBJECT', 'FROM', 'TO', 'CC', 'BCC'].includes(key)) {
      const value = text();
      keep((message) => fieldOf(message, key).includes(value.toLowerCase()));
    } else if (key === 'TEXT' || key === 'BODY') {
      const value = text();
      keep((message) => message.raw.includes(value));
    } else if (key === 'MODSEQ') {
      const least = Number(text());
      keep((message) => message.modseq >= least);
    } else if (['SINCE', 'BEFORE', 'ON'].includes(key)) {
      const day = Date.parse(`${text().replaceAll('-', ' ')} UTC`);
      const of = (message: ModelMessage) =>
        Math.floor(message.internalDate.getTime() / 86_400_000) * 86_400_000;
      keep((m) => (key === 'SINCE' ? of(m) >= day : key === 'BEFORE' ? of(m) < day : of(m) === day));
    } else if (key === 'EMAILID' || key === 'X-GM-MSGID') {
      const value = text();
      keep((message) => value === (key === 'EMAILID' ? message.emailId : message.gmMsgId));
    } else if (key === 'NOT') {
      const one = queue.splice(0, 1 + argumentsOf(queue[0]));
      const out = new Set(search(one, found).map(([sequence]) => sequence));
      found = found.filter(([sequence]) => !out.has(sequence));
    } else if (key === 'OR') {
      const first = queue.splice(0, 1 + argumentsOf(queue[0]));
      const second = queue.splice(0, 1 + argumentsOf(queue[0]));
      const either = new Set(
        [...search(first, found), ...search(second, found)].map(([sequence]) => sequence),
      );
      found = found.filter(([sequence]) => either.has(sequence));
    } else {
      return [];
    }
  }
  return found;
}

const FLAG_KEYS: Record<string, [string, boolean]> = {
  SEEN: ['\\Seen', true],
  UNSEEN: ['\\Seen', false],
  FLAGGED: ['\\Flagged', true],
  UNFLAGGED: ['\\Flagged', false],
  ANSWERED: ['\\Answered', true],
  UNANSWERED: ['\\Answered', false],
  DELETED: ['\\Deleted', true],
  UNDELETED: ['\\Deleted', false],
  DRAFT: ['\\Draft', true],
  UNDRAFT: ['\\Draft', false],
};

function argumentsOf(token: Token | undefined): number {
  const key = textOf(token).toUpperCase();
  if (key === 'HEADER') return 2;
  if (
    /^(UID|KEYWORD|UNKEYWORD|SUBJECT|FROM|TO|CC|BCC|TEXT|BODY|SINCE|BEFORE|ON|MODSEQ|EMAILID|X-GM-MSGID)$/.test(
      key,
    )
  ) {
    return 1;
  }
  return key === 'NOT' ? 1 : 0;
}

function fieldOf(message: ModelMessage, name: string): string {
  return parsePart(message.raw.toString('latin1')).fields.get(name.toLowerCase())?.toLowerCase() ?? '';
}
