/** What the header fields of a part say about it (RFC 2045, 2183, 2392). */

import { displayText, fieldText, type RawField } from '../headers.ts';
import { cleanHeader, cut } from '../well-formed.ts';
import { MAX_CONTENT_ID, MAX_FILENAME } from './limits.ts';
import { type Parameterized, parameterText, parseParameterized } from './parameters.ts';
import type { Leaf } from './structure.ts';

export function fieldOf(fields: RawField[], key: string): string | undefined {
  for (const field of fields) if (field.key === key) return field.latin1;
  return undefined;
}

/** Lower-case Content-Transfer-Encoding; '7bit' when missing or no token. */
export function transferEncoding(leaf: Leaf): string {
  const value = fieldOf(leaf.fields, 'content-transfer-encoding');
  if (value === undefined) return '7bit';
  const token = /^[\s"']*([A-Za-z0-9_.-]{1,40})/.exec(value)?.[1]?.toLowerCase() ?? '7bit';
  return token === 'quoted_printable' || token === 'quotedprintable' ? 'quoted-printable' : token;
}

export interface Disposition {
  value: 'attachment' | 'inline' | null;
  params: Parameterized['params'];
}

/** Content-Disposition; unknown types are attachments (RFC 2183 2.8). */
export function dispositionOf(leaf: Leaf): Disposition {
  const raw = fieldOf(leaf.fields, 'content-disposition');
  if (raw === undefined) return { value: null, params: new Map() };
  const { value, params } = parseParameterized(raw);
  return { value: value === 'inline' ? 'inline' : value === '' ? null : 'attachment', params };
}

/** Content-ID without brackets, null when missing. */
export function contentIdOf(leaf: Leaf): string | null {
  const raw = fieldOf(leaf.fields, 'content-id');
  if (raw === undefined) return null;
  const text = fieldText(raw).replace(/[\u0000-\u0020\u007f]/g, '');
  const open = text.startsWith('<') ? 1 : 0;
  const id = text.slice(open, text.endsWith('>') ? -1 : undefined);
  return id.length > 0 ? cut(cleanHeader(id), MAX_CONTENT_ID) : null;
}

/** The harmless form of the name in Content-Disposition, else in Content-Type; null when there is none. */
export function filenameOf(leaf: Leaf, disposition: Disposition): string | null {
  const name = parameterText(disposition.params, 'filename') ?? parameterText(leaf.type.params, 'name');
  return name === null ? null : safeFilename(name);
}

/** Characters that change what a name seems to be: controls, bidi marks, zero widths. */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/**
 * A name that is one path element and reads as it is: controls gone, the elements of a path joined by `_` without those
 * that lead upwards, at most MAX_FILENAME characters with the extension kept. Null when nothing is left.
 */
function safeFilename(name: string): string | null {
  const flat = name
    .toWellFormed()
    .replace(/[\r\n\t]+/g, ' ')
    .replace(UNSAFE, '')
    .split(/[/\\]+/)
    .filter((element) => !['', '.', '..'].includes(element.trim()))
    .join('_')
    .trim();
  if (flat.length === 0 || /^\.+$/.test(flat)) return null;
  if (flat.length <= MAX_FILENAME) return flat;
  const dot = flat.lastIndexOf('.');
  const extension = dot > 0 && flat.length - dot <= 16 ? flat.slice(dot) : '';
  return `${cut(flat, MAX_FILENAME - extension.length)}${extension}`;
}

/** '<subject>.eml' of an attached mail. */
export function subjectFilename(subject: string): string | null {
  const name = safeFilename(displayText(subject));
  return name === null ? null : safeFilename(`${name}.eml`);
}
