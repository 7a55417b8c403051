/** Which leaves are the body, and how they read together (RFC 2046 5.1, RFC 2387). */

import { decodeCharset } from '../charset.ts';
import { htmlText } from '../html-text.ts';
import { textToHtml } from '../text-html.ts';
import { cleanText } from '../well-formed.ts';
import { unflow } from './flowed.ts';
import { MAX_TEXT_BYTES } from './limits.ts';
import { dispositionOf, filenameOf, transferEncoding } from './part-fields.ts';
import type { Leaf, Part } from './structure.ts';
import { decodeTransfer } from './transfer.ts';

/** One stretch of the body: a leaf, or the two faces of a multipart/alternative. */
interface Segment {
  text: string | null;
  html: string | null;
}

export interface Body {
  text: string | null;
  html: string | null;
  /** Leaves that are not part of the body, in order. */
  attached: Leaf[];
}

/** Reads the body of a tree. `problems` receives the caps that were met. */
export function readBody(raw: Buffer, root: Part, problems: Set<string>): Body {
  const reader = new BodyReader(raw, problems);
  const segments = reader
    .read(root)
    .filter(({ text, html }) => (text ?? html ?? '').trim() !== '' || html !== null);
  return { ...join(segments), attached: reader.attached };
}

class BodyReader {
  readonly attached: Leaf[] = [];
  private readonly raw: Buffer;
  private readonly problems: Set<string>;
  private budget = MAX_TEXT_BYTES;
  private bodies = 0;

  constructor(raw: Buffer, problems: Set<string>) {
    this.raw = raw;
    this.problems = problems;
  }

  /** Depth is bounded by MAX_DEPTH. */
  read(part: Part): Segment[] {
    if (part.kind === 'leaf') return this.readLeaf(part);
    const children = part.children.map((child) => this.read(child));
    return part.subtype === 'alternative' ? alternative(children) : children.flat();
  }

  private readLeaf(leaf: Leaf): Segment[] {
    if (!this.isBody(leaf)) {
      this.attached.push(leaf);
      return [];
    }
    this.bodies++;
    const content = this.decode(leaf);
    if (leaf.type.value === 'text/html') return [{ text: null, html: content }];
    const flowed = leaf.type.params.get('format')?.toLowerCase() === 'flowed';
    const delsp = leaf.type.params.get('delsp')?.toLowerCase() === 'yes';
    return [{ text: flowed ? unflow(content, delsp) : content, html: null }];
  }

  /** Text without the marks of a file. A name alone makes no file of the first text, nor of an alternative. */
  private isBody(leaf: Leaf): boolean {
    if (leaf.type.value !== 'text/plain' && leaf.type.value !== 'text/html') return false;
    const disposition = dispositionOf(leaf);
    if (disposition.value === 'attachment') return false;
    if (this.bodies === 0 || leaf.parent === 'alternative') return true;
    return filenameOf(leaf, disposition) === null;
  }

  private decode(leaf: Leaf): string {
    const bytes = decodeTransfer(
      this.raw.subarray(leaf.start, this.encodedEnd(leaf)),
      transferEncoding(leaf),
    );
    this.budget -= bytes.length;
    return cleanText(decodeCharset(bytes, leaf.type.params.get('charset')));
  }

  /** The end of the leaf, or of what the decoded-bytes budget lets in. */
  private encodedEnd(leaf: Leaf): number {
    if (leaf.end - leaf.start <= this.budget) return leaf.end;
    this.problems.add('text_bytes');
    return leaf.start + Math.max(0, this.budget);
  }
}

/** The plainest and the richest child, each as one; other children are the same content again. */
function alternative(children: Segment[][]): Segment[] {
  const withText = children.filter((segments) => segments.some(({ text }) => text !== null));
  const plain =
    withText.findLast((segments) => segments.every(({ html }) => html === null)) ?? withText.at(-1);
  const rich = children.findLast((segments) => segments.some(({ html }) => html !== null));
  const text = plain ? join(plain).text : null;
  const html = rich ? join(rich).html : null;
  return text === null && html === null ? [] : [{ text, html }];
}

/** Segments one after the other; each face is made from the other where a segment lacks it. */
function join(segments: Segment[]): Segment {
  const anyText = segments.some(({ text }) => text !== null);
  const anyHtml = segments.some(({ html }) => html !== null);
  return {
    text: anyText ? segments.map(({ text, html }) => text ?? htmlText(html ?? '')).join('\n') : null,
    html: anyHtml ? segments.map(({ text, html }) => html ?? textToHtml(text ?? '')).join('<br>\n') : null,
  };
}
