/** The tree of a mail's parts (RFC 2046 5.1), found in one pass over the bytes; bodies are not looked into. */

import { type RawField, readHeaderBlock } from '../headers.ts';
import { MAX_BOUNDARY_LINE, MAX_DEPTH, MAX_HEADER_BYTES, MAX_HEADERS, MAX_PARTS } from './limits.ts';
import { type Parameterized, parseParameterized } from './parameters.ts';

interface PartBase {
  /** IMAP part number; '' for a multipart at the top, which has none. */
  path: string;
  fields: RawField[];
  /** Content-Type with a valid 'type/subtype' as its value. */
  type: Parameterized;
  /** Subtype of the multipart around, '' at the top. */
  parent: string;
}
export interface Leaf extends PartBase {
  kind: 'leaf';
  /** Byte range of the encoded body. */
  start: number;
  end: number;
}
interface Multipart extends PartBase {
  kind: 'multipart';
  subtype: string;
  children: Part[];
}
export type Part = Leaf | Multipart;

export interface Structure {
  root: Part;
  /** Caps that were met. */
  problems: Set<string>;
}

/** An open multipart. `start` is where its content begins, `number` counts its children. */
interface Frame {
  part: Multipart;
  boundary: string;
  start: number;
  /** Depth of an outer frame with the same boundary, which this one hides. */
  shadows: number | undefined;
}

interface Delimiter {
  depth: number;
  closes: boolean;
  /** End of the content before it, and start of what follows. */
  contentEnd: number;
  next: number;
}

const LF = 10;
const DASHES = Buffer.from('--');
/** Bytes looked through for a delimiter line when the boundary parameter is missing. */
const GUESS_BYTES = 64 * 1024;

/** Reads the structure of `raw`, whose lines end in LF or CRLF. Never throws. */
export function readStructure(raw: Buffer): Structure {
  return new StructureReader(raw).read();
}

class StructureReader {
  private readonly raw: Buffer;
  private readonly problems = new Set<string>();
  private readonly frames: Frame[] = [];
  /** Boundary → depth of the innermost frame that has it. */
  private readonly depths = new Map<string, number>();
  private parts = 0;
  private leaf: Leaf | null = null;

  constructor(raw: Buffer) {
    this.raw = raw;
  }

  read(): Structure {
    const root = this.readPart(this.firstLine(), null);
    let at = this.frames[0]?.start ?? this.raw.length;
    let end = this.raw.length;
    while (this.frames.length > 0) {
      const found = this.nextDelimiter(at);
      this.endLeaf(found?.contentEnd ?? this.raw.length);
      if (!found) break;
      this.popTo(found.depth + 1, found.contentEnd);
      at = found.next;
      // the outermost multipart stays open: parts behind a premature end still count
      if (found.closes && found.depth > 0) this.popTo(found.depth, found.contentEnd);
      if (found.closes) continue;
      if (this.parts >= MAX_PARTS) {
        this.problems.add('parts');
        end = found.contentEnd;
        break;
      }
      const part = this.readPart(at, this.frames[found.depth]!);
      at = part.kind === 'leaf' ? part.start : this.frames.at(-1)!.start;
    }
    this.endLeaf(end);
    this.popTo(0, end);
    return { root, problems: this.problems };
  }

  /** Start of the first line that is not blank: some relays put blank lines before the header. */
  private firstLine(): number {
    let line = 0;
    for (let i = 0; i < this.raw.length; i++) {
      const byte = this.raw[i];
      if (byte === LF) line = i + 1;
      else if (byte !== 0x20 && byte !== 0x09 && byte !== 13) return line;
    }
    return this.raw.length;
  }

  private endLeaf(end: number): void {
    if (this.leaf) this.leaf.end = Math.max(this.leaf.start, end);
    this.leaf = null;
  }

  /** Closes multiparts down to `depth` open ones. One without any part keeps its content as text. */
  private popTo(depth: number, end: number): void {
    while (this.frames.length > depth) {
      const { part, boundary, start, shadows } = this.frames.pop()!;
      if (shadows === undefined) this.depths.delete(boundary);
      else this.depths.set(boundary, shadows);
      if (part.children.length > 0 || start >= end) continue;
      const type = parseParameterized('text/plain');
      const path = part.path === '' ? '1' : part.path;
      part.children.push({ kind: 'leaf', path, fields: [], type, parent: '', start, end });
    }
  }

  private readPart(at: number, frame: Frame | null): Part {
    this.parts++;
    const stopsAt = (line: number) => this.delimiterAt(line) !== null;
    const limits = { maxBytes: MAX_HEADER_BYTES, maxFields: MAX_HEADERS };
    const block = readHeaderBlock(this.raw, at, this.raw.length, limits, frame ? stopsAt : undefined);
    if (block.truncated) this.problems.add(block.truncated);
    const parent = frame?.part.subtype ?? '';
    const type = contentType(block.fields, parent);
    const siblings = frame?.part.children;
    const number = siblings ? siblings.length + 1 : 0;
    const path = frame === null ? '' : frame.part.path === '' ? `${number}` : `${frame.part.path}.${number}`;
    const base = { path, fields: block.fields, type, parent };
    const boundary = type.value.startsWith('multipart/')
      ? this.boundaryOf(type, block.bodyStart, frame)
      : null;
    if (boundary !== null && this.frames.length < MAX_DEPTH) {
      const part: Multipart = { ...base, kind: 'multipart', subtype: type.value.slice(10), children: [] };
      this.frames.push({ part, boundary, start: block.bodyStart, shadows: this.depths.get(boundary) });
      this.depths.set(boundary, this.frames.length - 1);
      siblings?.push(part);
      return part;
    }
    if (boundary !== null) this.problems.add('depth');
    else if (type.value.startsWith('multipart/')) base.type = parseParameterized('text/plain');
    const leaf: Leaf = { ...base, kind: 'leaf', start: block.bodyStart, end: this.raw.length };
    if (frame === null) leaf.path = '1';
    siblings?.push(leaf);
    this.leaf = leaf;
    return leaf;
  }

  /** The boundary parameter; a guess from the content when it is missing or, at the top, never used. */
  private boundaryOf(type: Parameterized, start: number, frame: Frame | null): string | null {
    const named = (type.params.get('boundary') ?? '').trimEnd();
    const usable = named.length > 0 && named.length <= MAX_BOUNDARY_LINE;
    const check = frame === null && usable && this.raw.indexOf(`--${named}`, start, 'latin1') < 0;
    if (usable && !check) return named;
    return this.guessBoundary(start) ?? (usable ? named : null);
  }

  /** The first line that looks like a delimiter and is not one of an open multipart. */
  private guessBoundary(start: number): string | null {
    const end = Math.min(this.raw.length, start + GUESS_BYTES);
    let line = start;
    while (line < end) {
      const feed = this.raw.indexOf(LF, line);
      const stop = feed < 0 ? this.raw.length : feed;
      if (this.raw[line] === 0x2d && this.raw[line + 1] === 0x2d && stop - line <= MAX_BOUNDARY_LINE) {
        const text = this.raw.toString('latin1', line + 2, stop).trimEnd();
        if (this.depths.has(text) || (text.endsWith('--') && this.depths.has(text.slice(0, -2)))) return null;
        if (text.length > 0 && !/\s/.test(text) && /[^-]/.test(text)) return text;
      }
      line = stop + 1;
    }
    return null;
  }

  /** The next delimiter line of any open multipart, from a line start on. Jumps from '--' to '--'. */
  private nextDelimiter(from: number): Delimiter | null {
    const raw = this.raw;
    let at = from;
    while (at < raw.length) {
      const dashes = raw.indexOf(DASHES, at);
      if (dashes < 0) return null;
      const found = dashes === from || raw[dashes - 1] === LF ? this.delimiterAt(dashes) : null;
      if (found) {
        found.contentEnd = Math.max(from, found.contentEnd);
        return found;
      }
      const feed = raw.indexOf(LF, dashes);
      if (feed < 0) return null;
      at = feed + 1;
    }
    return null;
  }

  /** The delimiter line that starts at `line`, null when none does. The line break before it is part of it. */
  private delimiterAt(line: number): Delimiter | null {
    const raw = this.raw;
    if (raw[line + 1] !== 0x2d) return null;
    const feed = raw.indexOf(LF, line);
    const stop = feed < 0 ? raw.length : feed;
    if (stop - line > MAX_BOUNDARY_LINE + 4) return null;
    let end = stop;
    while (end > line && (raw[end - 1] === 0x20 || raw[end - 1] === 0x09 || raw[end - 1] === 13)) end--;
    const text = raw.toString('latin1', line + 2, end);
    let depth = this.depths.get(text);
    const closes = depth === undefined && text.endsWith('--');
    if (closes) depth = this.depths.get(text.slice(0, -2));
    if (depth === undefined) return null;
    let contentEnd = line;
    if (contentEnd > 0 && raw[contentEnd - 1] === LF) contentEnd--;
    if (contentEnd > 0 && raw[contentEnd - 1] === 13) contentEnd--;
    return { depth, closes, contentEnd, next: Math.min(raw.length, stop + 1) };
  }
}

/** Content-Type of a part, with RFC 2045 5.2 and RFC 2046 5.1.5 defaults for a missing or broken one. */
function contentType(fields: RawField[], parent: string): Parameterized {
  const field = fields.find(({ key }) => key === 'content-type');
  const fallback = parent === 'digest' ? 'message/rfc822' : 'text/plain';
  if (!field) return parseParameterized(fallback);
  const parsed = parseParameterized(field.latin1);
  if (isMediaType(parsed.value)) return parsed;
  const named = parsed.params.has('name') || parsed.params.has('name*') || parsed.params.has('name*0*');
  const repaired = parsed.value.startsWith('multipart') ? 'multipart/mixed' : named ? OCTETS : fallback;
  return { value: repaired, params: parsed.params };
}

const OCTETS = 'application/octet-stream';

function isMediaType(value: string): boolean {
  return value.length <= 127 && /^[a-z0-9!#$&^_.+-]{1,63}\/[a-z0-9!#$&^_.+'-]{1,63}$/.test(value);
}
