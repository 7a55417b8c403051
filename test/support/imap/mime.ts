/** ENVELOPE, BODYSTRUCTURE and sections of a raw message, for a scripted IMAP server. Bytes are held as latin1. */
import { wireString } from './tokens.ts';

export interface Part {
  header: string;
  body: string;
  type: string;
  subtype: string;
  parameters: Record<string, string>;
  children: Part[];
  fields: Map<string, string>;
}

export function parsePart(raw: string, fallback = 'text/plain'): Part {
  const split = raw.startsWith('\r\n') ? 0 : raw.search(/\r?\n\r?\n/);
  const gap = /^\r?\n(\r?\n)?/.exec(raw.slice(Math.max(split, 0)))?.[0].length ?? 0;
  const header = split < 0 ? raw : raw.slice(0, split + gap);
  const body = split < 0 ? '' : raw.slice(split + gap);
  const fields = new Map<string, string>();
  for (const line of header.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    if (!fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  const { value, parameters } = parameterized(fields.get('content-type') ?? fallback);
  const [type = 'text', subtype = 'plain'] = value.toLowerCase().split('/');
  const part: Part = { header, body, type, subtype, parameters, children: [], fields };
  if (type === 'multipart' && parameters.boundary) {
    const inner = subtype === 'digest' ? 'message/rfc822' : 'text/plain';
    part.children = splitBoundary(body, parameters.boundary).map((child) => parsePart(child, inner));
  } else if (type === 'message' && subtype === 'rfc822') {
    part.children = [parsePart(body)];
  }
  return part;
}

function splitBoundary(body: string, boundary: string): string[] {
  const pieces = `\r\n${body}`.split(
    new RegExp(`\\r?\\n--${boundary.replace(/[^\w]/g, '\\$&')}(?:--)?[ \\t]*(?=\\r?\\n|$)`),
  );
  return pieces.slice(1, -1).map((piece) => piece.replace(/^\r?\n/, ''));
}

function parameterized(field: string): { value: string; parameters: Record<string, string> } {
  const parameters: Record<string, string> = {};
  const [value = ''] = field.split(';');
  for (const match of field.matchAll(/;\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)/g)) {
    const text = (match[2] ?? '').trim();
    parameters[(match[1] ?? '').toLowerCase()] = text.startsWith('"')
      ? text.slice(1, -1).replace(/\\(.)/g, '$1')
      : text;
  }
  return { value: value.trim(), parameters };
}

export function bodyStructure(part: Part): string {
  const disposition = dispositionOf(part);
  if (part.type === 'multipart' && part.children.length > 0) {
    const children = part.children.map(bodyStructure).join('');
    return `(${children} ${wireString(part.subtype)} ${pairs(part.parameters)} ${disposition} NIL NIL)`;
  }
  const lines = part.body.split('\n').length - 1;
  const basic = [
    wireString(part.type),
    wireString(part.subtype),
    pairs(part.parameters),
    wireString(part.fields.get('content-id')),
    wireString(part.fields.get('content-description')),
    wireString(part.fields.get('content-transfer-encoding') ?? '7bit'),
    String(part.body.length),
  ];
  const [inner] = part.children;
  if (part.type === 'message' && inner) basic.push(envelope(inner), bodyStructure(inner), String(lines));
  else if (part.type === 'text') basic.push(String(lines));
  return `(${basic.join(' ')} NIL ${disposition} NIL NIL)`;
}

function dispositionOf(part: Part): string {
  const field = part.fields.get('content-disposition');
  if (!field) return 'NIL';
  const { value, parameters } = parameterized(field);
  return `(${wireString(value)} ${pairs(parameters)})`;
}

function pairs(parameters: Record<string, string>): string {
  const entries = Object.entries(parameters);
  if (entries.length === 0) return 'NIL';
  return `(${entries.map(([name, value]) => `${wireString(name)} ${wireString(value)}`).join(' ')})`;
}

export function envelope(part: Part): string {
  const field = (name: string) => part.fields.get(name);
  const from = addresses(field('from'));
  return `(${[
    wireString(field('date')),
    wireString(field('subject')),
    from,
    field('sender') ? addresses(field('sender')) : from,
    field('reply-to') ? addresses(field('reply-to')) : from,
    addresses(field('to')),
    addresses(field('cc')),
    addresses(field('bcc')),
    wireString(field('in-reply-to')),
    wireString(field('message-id')),
  ].join(' ')})`;
}

function addresses(field: string | undefined): string {
  if (!field) return 'NIL';
  const found = [...field.matchAll(/((?:"(?:[^"\\]|\\.)*"|[^,<"])*)<([^>]*)>|([^\s,<>"]+@[^\s,<>"]+)/g)].map(
    (match) => {
      const name = match[1]
        ?.trim()
        .replace(/^"([\s\S]*)"$/, '$1')
        .replace(/\\(.)/g, '$1');
      const [local = '', domain = ''] = (match[2] ?? match[3] ?? '').split('@');
      return `(${wireString(name || undefined)} NIL ${wireString(local)} ${wireString(domain)})`;
    },
  );
  return found.length > 0 ? `(${found.join('')})` : 'NIL';
}

/** The bytes of a section such as `1.2`, `HEADER`, `2.MIME` or `HEADER.FIELDS (From)`. */
export function section(root: Part, raw: string, name: string): string | undefined {
  const [, path = '', rest = ''] = /^((?:\d+\.?)*)(.*)$/i.exec(name) ?? [];
  const numbers = path.split('.').filter(Boolean).map(Number);
  const what = rest.toUpperCase();
  let part = root;
  for (const number of numbers) {
    const message = part.type === 'message' ? part.children[0] : undefined;
    const container = message ?? part;
    const next =
      container.children.length > 0 ? container.children[number - 1] : number === 1 ? container : undefined;
    if (!next) return undefined;
    part = next;
  }
  const inner = numbers.length > 0 && part.type === 'message' ? (part.children[0] ?? part) : part;
  if (what === '') return numbers.length > 0 ? part.body : raw;
  if (what === 'MIME') return part.header;
  if (what === 'HEADER') return inner.header;
  if (what === 'TEXT') return inner.body;
  const fields = /^HEADER\.FIELDS(\.NOT)? \((.*)\)$/.exec(what);
  if (!fields) return undefined;
  const wanted = new Set(
    (fields[2] ?? '').split(/\s+/).map((field) => field.replaceAll('"', '').toLowerCase()),
  );
  const kept = (inner.header.match(/^[^\s:][^:]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n?/gm) ?? []).filter(
    (field) => wanted.has(field.slice(0, field.indexOf(':')).toLowerCase()) === !fields[1],
  );
  return `${kept.join('')}\r\n`;
}
