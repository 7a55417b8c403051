/** HTML read as lines, in one pass and without a tree, so that hostile nesting costs nothing. */

import { decodeEntities } from '../html-entity.ts';
import {
  INLINE,
  isRemoved,
  RAW,
  rawEnd,
  readAttributes,
  readTag,
  type Tag,
  UNSEEN,
  VOID,
} from '../html-tag.ts';
import { markOf } from './elements.ts';
import { type Line, type Look, NO_LOOK, NO_PLACE, type Place } from './line.ts';
import { LineWriter } from './line-writer.ts';
import type { TableBuilder } from './table.ts';

/** Elements inside each other that are told apart; mail programs make some dozens. */
const MAX_DEPTH = 250;
/** How far lists and blockquotes push a line in. */
const MAX_INDENT = 40;
const MAX_CITATIONS = 10;
/** How far up an end tag that was left out is looked for. */
const IMPLIED_REACH = 16;

/** Characters of an emoji with all that may join it. */
const MAX_EMOJI = 16;

/** Elements with a blank line before and after. */
const SPACED = new Set('p ul ol dl blockquote table pre h1 h2 h3 h4 h5 h6 hr'.split(' '));
const BOLD = new Set(['b', 'strong']);
const ITALIC = new Set(['i', 'em', 'cite', 'dfn', 'var']);
const STRIKE = new Set(['s', 'strike', 'del']);
const CODE = new Set(['code', 'kbd', 'samp', 'tt']);
/** An end tag inside of these closes nothing outside. */
const WALLS = new Set(['table', 'td', 'th']);
const TABLE_PARTS = new Set(['table', 'tbody', 'thead', 'tfoot', 'tr', 'td', 'th']);
/** What an opening element ends when it is still open, and what stops the search. */
const IMPLIED: Record<string, { ends: string[]; until: string[] }> = {
  li: { ends: ['li'], until: ['ul', 'ol'] },
  dt: { ends: ['dt', 'dd'], until: ['dl'] },
  dd: { ends: ['dt', 'dd'], until: ['dl'] },
  td: { ends: ['td', 'th'], until: ['tr', 'table'] },
  th: { ends: ['td', 'th'], until: ['tr', 'table'] },
  tr: { ends: ['tr'], until: ['table'] },
};

interface Frame {
  name: string;
  place: Place;
  look: Look;
  /** Blank lines stand around it. */
  spaced: boolean;
  list: { ordered: boolean; next: number } | null;
  table: TableBuilder | null;
}

interface ShownElements {
  /** Those that stand for a character are shown in any case. */
  images: boolean;
  /** Elements that are not seen, such as the words for a preview. */
  hidden: boolean;
}

/** The lines of `html`, a row of a table of data on one line. Linear. */
export function htmlLines(html: string, show: ShownElements): Line[] {
  return new LineReader(show).read(html);
}

class LineReader {
  readonly #show: ShownElements;
  readonly #out = new LineWriter();
  readonly #stack: Frame[] = [
    { name: '', place: NO_PLACE, look: NO_LOOK, spaced: false, list: null, table: null },
  ];
  /** How many elements of each name are open. */
  readonly #open = new Map<string, number>();
  /** Open elements too deep for the stack. */
  #overflow = 0;
  #citations = 0;

  constructor(show: ShownElements) {
    this.#show = show;
  }

  read(html: string): Line[] {
    let at = 0;
    let hiddenBy = '';
    let hiddenDepth = 0;
    while (at < html.length && !this.#out.isFull) {
      let open = html.indexOf('<', at);
      if (open < 0) open = html.length;
      if (open > at && hiddenDepth === 0) this.#out.text(decodeEntities(html.slice(at, open)));
      if (open === html.length) break;
      const tag = readTag(html, open);
      at = tag.end;
      if (tag.name === '') {
        if (tag.end === open + 1 && hiddenDepth === 0) this.#out.text('<');
        continue;
      }
      if (hiddenBy === 'head' && tag.name === 'body') hiddenDepth = 0;
      if (hiddenDepth > 0) {
        if (tag.name !== hiddenBy || tag.selfClosing) continue;
        hiddenDepth += tag.closes ? -1 : 1;
      } else if (tag.closes) {
        this.#endTag(tag.name);
      } else if (RAW.has(tag.name)) {
        at = rawEnd(html, tag.end, tag.name);
      } else if (UNSEEN.has(tag.name) || (!this.#show.hidden && isRemoved(tag.attributes))) {
        if (VOID.has(tag.name) || tag.selfClosing) continue;
        hiddenBy = tag.name;
        hiddenDepth = 1;
      } else {
        this.#startTag(tag);
      }
    }
    while (this.#stack.length > 1) this.#pop();
    this.#out.endLine();
    return this.#out.lines;
  }

  /** What is written stands in the innermost element. */
  #stand(): void {
    this.#out.place = this.#top.place;
    this.#out.look = this.#top.look;
  }

  get #top(): Frame {
    return this.#stack.at(-1)!;
  }

  #startTag(tag: Tag): void {
    const { name } = tag;
    if (name === 'br') this.#out.breakLine();
    else if (name === 'img') this.#image(tag);
    else if (!INLINE.has(name)) this.#startBlock(tag);
    if (VOID.has(name) || tag.selfClosing) return;
    if (this.#stack.length >= MAX_DEPTH) {
      this.#overflow++;
      return;
    }
    const frame = this.#frameFor(tag);
    // What is on the line so far stands elsewhere.
    if (frame.place !== this.#top.place) this.#out.endLine();
    this.#stack.push(frame);
    this.#stand();
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1);
    if (TABLE_PARTS.has(name)) this.#startTablePart(frame);
  }

  /** Ends the line before a block, and what the block ends by beginning. */
  #startBlock({ name, attributes }: Tag): void {
    if (this.#overflow === 0) {
      if (this.#top.name === 'p') this.#pop();
      const implied = IMPLIED[name];
      if (implied) this.#endImplied(implied);
    }
    if (isCell(name)) {
      // The cells of a row share a line.
      this.#out.space();
      return;
    }
    this.#out.endLine();
    if (isSpaced(name, attributes)) this.#out.paragraph();
    if (name === 'hr') this.#out.rule();
  }

  #frameFor(tag: Tag): Frame {
    const { name } = tag;
    const { place, look } = this.#top;
    const spaced = isSpaced(name, tag.attributes);
    const frame: Frame = { name, place, look, spaced, list: null, table: null };
    const attributes = tag.attributes.length > 1 ? readAttributes(tag.attributes) : NONE;
    if (BOLD.has(name)) {
      if (!isNormalWeight(attributes.get('style'))) frame.look = { ...look, bold: true };
    } else if (ITALIC.has(name)) frame.look = { ...look, italic: true };
    else if (STRIKE.has(name)) frame.look = { ...look, strike: true };
    else if (CODE.has(name)) {
      frame.look = { ...look, code: true };
      if (place.preformatted && !this.#out.isOnLine) frame.place = { ...place, code: true };
    } else if (name === 'a' && attributes.has('href'))
      frame.look = { ...look, href: attributes.get('href')! };
    else if (name === 'ul' || name === 'ol') {
      const start = Number.parseInt(attributes.get('start') ?? '1', 10);
      frame.list = { ordered: name === 'ol', next: start >= 0 && start < 1e6 ? start : 1 };
    } else if (name === 'li') this.#listItem(frame);
    else if (name === 'pre') frame.place = { ...place, preformatted: true };
    else if (/^h[1-6]$/.test(name)) frame.place = { ...place, heading: Number(name[1]) };
    this.#markFrame(frame, attributes);
    return frame;
  }

  #listItem(frame: Frame): void {
    const list = this.#stack.findLast((other) => other.list !== null)?.list;
    this.#out.bullet = list?.ordered ? `${list.next++}. ` : '- ';
    const indent = Math.min(MAX_INDENT, frame.place.indent + this.#out.bullet.length);
    frame.place = { ...frame.place, indent };
  }

  /** What a mail program says of the element. */
  #markFrame(frame: Frame, attributes: Map<string, string>): void {
    const mark = attributes.size > 0 ? markOf(frame.name, attributes) : null;
    if (mark === 'quote') frame.place = { ...frame.place, quoted: true };
    else if (mark === 'intro') frame.place = { ...frame.place, intro: true };
    else if (mark === 'signature') frame.place = { ...frame.place, signature: true };
    else if (mark !== null) {
      this.#out.endLine();
      this.#out.opens = mark === 'rest' ? mark : (this.#out.opens ?? mark);
    } else if (frame.name === 'blockquote') {
      const { citation, citations } = frame.place;
      if (citation === 0) this.#citations++;
      frame.place = {
        ...frame.place,
        citation: citation || this.#citations,
        citations: Math.min(MAX_CITATIONS, citations + 1),
      };
    }
  }

  #image(tag: Tag): void {
    const attributes = readAttributes(tag.attributes);
    // A pixel that counts readers.
    if (isTiny(attributes.get('width')) || isTiny(attributes.get('height'))) return;
    const text = (attributes.get('alt') ?? '').replace(/\s+/g, ' ').trim();
    const isCharacter = text.length <= MAX_EMOJI && /^\p{Extended_Pictographic}/u.test(text);
    if (!this.#show.images && !isCharacter) return;
    if (isCharacter) this.#out.text(text);
    else this.#out.image(text, attributes.get('src')?.trim() ?? '');
  }

  #startTablePart(frame: Frame): void {
    if (frame.name === 'table') {
      frame.table = this.#out.startTable();
      return;
    }
    const table = this.#innermostTable();
    if (!table) return;
    this.#out.endLine();
    if (frame.name === 'tr') table.row();
    else if (isCell(frame.name)) this.#out.intoTable(table.cell(frame.name === 'th'));
  }

  /** The builder of the innermost open table; null when that one is not read as a table. */
  #innermostTable(): TableBuilder | null {
    return this.#stack.findLast((frame) => frame.name === 'table')?.table ?? null;
  }

  #endTag(name: string): void {
    if (this.#overflow > 0) {
      this.#overflow--;
      if (!INLINE.has(name)) this.#out.endLine();
      return;
    }
    if (!INLINE.has(name) && !isCell(name)) this.#out.endLine();
    if (!this.#open.get(name)) return;
    const isPart = TABLE_PARTS.has(name);
    for (let depth = this.#stack.length - 1; depth > 0; depth--) {
      const frame = this.#stack[depth]!;
      if (frame.name === name) {
        while (this.#stack.length > depth) this.#pop();
        return;
      }
      if (isPart ? frame.name === 'table' : WALLS.has(frame.name)) return;
    }
  }

  #endImplied({ ends, until }: { ends: string[]; until: string[] }): void {
    const lowest = Math.max(1, this.#stack.length - IMPLIED_REACH);
    for (let depth = this.#stack.length - 1; depth >= lowest; depth--) {
      const { name } = this.#stack[depth]!;
      if (until.includes(name)) return;
      if (ends.includes(name)) {
        while (this.#stack.length > depth) this.#pop();
        return;
      }
    }
  }

  #pop(): void {
    const frame = this.#top;
    const cell = isCell(frame.name);
    const table = cell ? this.#innermostTable() : null;
    const elsewhere = frame.place !== this.#stack.at(-2)!.place;
    if (elsewhere || (cell ? table : !INLINE.has(frame.name))) this.#out.endLine();
    this.#stack.pop();
    this.#open.set(frame.name, this.#open.get(frame.name)! - 1);
    if (frame.name === 'li') this.#out.bullet = '';
    this.#stand();
    if (table) this.#out.intoTable(table.beside);
    if (frame.table) this.#out.endTable();
    if (frame.spaced) this.#out.paragraph();
  }
}

function isCell(name: string): boolean {
  return name === 'td' || name === 'th';
}

function isSpaced(name: string, attributes: string): boolean {
  return SPACED.has(name) && !(name === 'p' && hasNoMargin(attributes));
}

const NONE = new Map<string, string>();

/** Paragraphs that Outlook makes of lines, and those that say so. */
function hasNoMargin(attributes: string): boolean {
  return /Mso(?:Normal|PlainText)|margin:\s{0,3}(?:0[a-z]{0,2}\s{1,3}){0,3}0(?:\.0\d{0,6})?[a-z]{0,2}\s{0,3}[;"']/i.test(
    attributes,
  );
}

function isNormalWeight(style: string | undefined): boolean {
  return style !== undefined && /font-weight:\s*(normal|400)/i.test(style);
}

function isTiny(size: string | undefined): boolean {
  return size !== undefined && /^[01](px)?$/.test(size.trim());
}
