/** Attachments as metadata: names, sizes, ids and digests, without decoding a body. */

import { hash } from 'node:crypto';
import { fieldText, readHeaderBlock } from '../headers.ts';
import { MAX_EMBEDDED_HEADER, MAX_HEADERS } from './limits.ts';
import { mediaTypeOf } from './media-type.ts';
import { parseParameterized } from './parameters.ts';
import {
  contentIdOf,
  dispositionOf,
  fieldOf,
  filenameOf,
  subjectFilename,
  transferEncoding,
} from './part-fields.ts';
import type { Leaf } from './structure.ts';
import { decodedSize, decodeTransfer } from './transfer.ts';
import type { ParsedAttachment } from './types.ts';

/** Describes the leaves that are not the body; `html` tells which content ids it shows. */
export function describeAttachments(raw: Buffer, leaves: Leaf[], html: string | null): ParsedAttachment[] {
  if (leaves.length === 0) return [];
  const shown = html === null ? new Set<string>() : referencedIds(html);
  return leaves.map((leaf) => describe(raw, leaf, shown));
}

function describe(raw: Buffer, leaf: Leaf, shown: Set<string>): ParsedAttachment {
  const disposition = dispositionOf(leaf);
  const encoding = transferEncoding(leaf);
  const contentId = contentIdOf(leaf);
  const name = filenameOf(leaf, disposition);
  const contentType = contentTypeOf(leaf, name);
  return {
    part: leaf.path,
    filename: name ?? mailFilename(raw, leaf, encoding),
    contentType,
    size: decodedSize(raw, leaf.start, leaf.end, encoding),
    isInline:
      (contentId !== null && (shown.has(contentId.toLowerCase()) || disposition.value === 'inline')) ||
      (leaf.parent === 'related' && contentType.startsWith('image/') && disposition.value !== 'attachment'),
    contentId,
    contentDisposition: disposition.value,
    encoding,
    offset: leaf.start,
    length: leaf.end - leaf.start,
    sha256: hash('sha256', raw.subarray(leaf.start, leaf.end), 'hex'),
  };
}

/** What the part says it is; one that says nothing that can be read is what its name says (contract 6.5). */
function contentTypeOf(leaf: Leaf, filename: string | null): string {
  const declared = fieldOf(leaf.fields, 'content-type');
  const isDeclared = declared !== undefined && parseParameterized(declared).value === leaf.type.value;
  return (!isDeclared && filename !== null && mediaTypeOf(filename)) || leaf.type.value;
}

/** A nameless message/rfc822 (or message/global) is named after its subject. */
function mailFilename(raw: Buffer, leaf: Leaf, encoding: string): string | null {
  if (leaf.type.value !== 'message/rfc822' && leaf.type.value !== 'message/global') return null;
  const stop = Math.min(leaf.end, leaf.start + MAX_EMBEDDED_HEADER);
  const head = decodeTransfer(raw.subarray(leaf.start, stop), encoding);
  const limits = { maxBytes: MAX_EMBEDDED_HEADER, maxFields: MAX_HEADERS };
  const subject = fieldOf(readHeaderBlock(head, 0, head.length, limits).fields, 'subject');
  return subject === undefined ? null : subjectFilename(fieldText(subject));
}

/** Lower-case content ids that the HTML names in cid: URLs (RFC 2392). One pass. */
function referencedIds(html: string): Set<string> {
  const ids = new Set<string>();
  let at = html.indexOf('cid:');
  while (at >= 0) {
    let end = at + 4;
    while (end < html.length && !ENDS_CID.has(html[end]!)) end++;
    ids.add(percentDecoded(html.slice(at + 4, end)).toLowerCase());
    at = html.indexOf('cid:', end);
  }
  return ids;
}

const ENDS_CID = new Set(' \t\r\n"\'<>)');

function percentDecoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
