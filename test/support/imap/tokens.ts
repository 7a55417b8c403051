/** Splits an IMAP command into atoms, strings and lists, and handles sets of numbers. */
export type Token =
  | { kind: 'atom' | 'string'; text: string; data?: Buffer }
  | { kind: 'list'; items: Token[] };

/** One command as it came: text with the literals taken out, each marked by its place. */
export interface RawCommand {
  text: string;
  literals: Buffer[];
}

/** Stands for a literal inside the text of a command. */
export const LITERAL = '\u0000';

export function tokenize(command: RawCommand): Token[] {
  const { text } = command;
  let at = 0;
  let literal = 0;
  const list = (): Token[] => {
    const items: Token[] = [];
    while (at < text.length && text[at] !== ')') {
      const character = text[at];
      if (character === ' ') at++;
      else if (character === '(') {
        at++;
        items.push({ kind: 'list', items: list() });
        at++;
      } else if (character === '"') items.push({ kind: 'string', text: quoted() });
      else if (character === LITERAL) {
        const data = command.literals[literal++] ?? Buffer.alloc(0);
        items.push({ kind: 'string', text: data.toString('utf8'), data });
        at++;
      } else items.push({ kind: 'atom', text: atom() });
    }
    return items;
  };
  const quoted = (): string => {
    let value = '';
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === '\\') at++;
      value += text[at];
    }
    at++;
    return Buffer.from(value, 'latin1').toString('utf8');
  };
  const atom = (): string => {
    const start = at;
    let depth = 0;
    for (; at < text.length; at++) {
      const character = text[at] ?? '';
      if (character === '[') depth++;
      if (character === ']') depth--;
      if (depth === 0 && ' ()"\u0000'.includes(character)) break;
    }
    if (at === start) at++;
    return text.slice(start, at);
  };
  return list();
}

export function textOf(token: Token | undefined): string {
  return token && token.kind !== 'list' ? token.text : '';
}

export function itemsOf(token: Token | undefined): Token[] {
  if (!token) return [];
  return token.kind === 'list' ? token.items : [token];
}

/** Those of the numbers (in rising order) that a set such as `1:3,7,20:*` names. */
export function inSet(set: string, numbers: number[]): Set<number> {
  const last = numbers.at(-1) ?? 0;
  const ranges = set.split(',').map((part) => {
    const [a = '', b] = part.split(':');
    const first = a === '*' ? last : Number(a);
    const second = b === undefined ? first : b === '*' ? last : Number(b);
    return [Math.min(first, second), Math.max(first, second)] as const;
  });
  return new Set(numbers.filter((number) => ranges.some(([low, high]) => number >= low && number <= high)));
}

/** Numbers as a short set: `1:3,7`. */
export function toSet(numbers: number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let at = 0; at < sorted.length; at++) {
    const first = sorted[at] ?? 0;
    let last = first;
    while (sorted[at + 1] === last + 1) last = sorted[++at] ?? last;
    parts.push(first === last ? String(first) : `${first}:${last}`);
  }
  return parts.join(',');
}

/** A string on the wire: quoted where that is allowed, else a literal. Bytes are held as latin1. */
export function wireString(value: string | undefined): string {
  if (value === undefined) return 'NIL';
  if (/^[\x20-\x7e]*$/.test(value)) return `"${value.replace(/["\\]/g, '\\$&')}"`;
  return `{${value.length}}\r\n${value}`;
}
