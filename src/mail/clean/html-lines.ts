/** HTML read as lines, in one pass and without a tree, so that hostile nesting costs nothing. */

import { decodeEntities } from '../html-entity.ts';
import {
  INLINE,
  isHidden,
  RAW,
  rawEnd,
  readAttributes,
  readTag,
  type Tag,
  UNSEEN,
  VOID,
} from '../html-tag.ts';
import { markOf } from './elements.ts';
import { blankLine, isBlank, type Line, type Look, NO_LOOK, NO_PLACE, type Place, type Run } from './line.ts';
import { visible } from './shown.ts';
import { TableBuilder } from './table.ts';

/** Elements inside each other that are told apart; mail programs make some dozens. */
const MAX_DEPTH = 250;
/** Tables inside each other that are read as tables; further ones are layout. */
const MAX_TABLES = 8;
/** Far more than anybody writes; lines behind them are left out, so that time and memory are bounded. */
const MAX_LINES = 100_000;
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

/**
 * The lines of `html`, hidden elements left out, a row of a table of data on one line. Images are left out unless
 * asked for, but those that stand for a character. Linear.
 */
export function htmlLines(html: string, options: { images: boolean }): Line[] {
  return new LineReader(options.images).read(html);
}

class LineReader {
  readonly #images: boolean;
  readonly #stack: Frame[] = [
    { name: '', place: NO_PLACE, look: NO_LOOK, spaced: false, list: null, table: null },
  ];
  /** How many elements of each name are open. */
  readonly #open = new Map<string, number>();
  /** Open elements too deep for the stack. */
  #overflow = 0;
  readonly #lines: Line[] = [];
  #sink = this.#lines;
  /** Tables around, with where their lines go. */
  readonly #builders: { table: TableBuilder; outer: Line[] }[] = [];
  #citations = 0;

  #count = 0;
  #runs: Run[] = [];
  #hasText = false;
  #spaceDue = false;
  #blankDue = false;
  #bullet = '';
  #opens: Line['opens'] = null;

  constructor(images: boolean) {
    this.#images = images;
  }

  read(html: string): Line[] {
    let at = 0;
    let hiddenBy = '';
    let hiddenDepth = 0;
    while (at < html.length && this.#count < MAX_LINES) {
      let open = html.indexOf('<', at);
      if (open < 0) open = html.length;
      if (open > at && hiddenDepth === 0) this.#text(decodeEntities(html.slice(at, open)));
      if (open === html.length) break;
      const tag = readTag(html, open);
      at = tag.end;
      if (tag.name === '') {
        if (tag.end === open + 1 && hiddenDepth === 0) this.#text('<');
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
      } else if (UNSEEN.has(tag.name) || isHidden(tag.attributes)) {
        if (VOID.has(tag.name) || tag.selfClosing) continue;
        hiddenBy = tag.name;
        hiddenDepth = 1;
      } else {
        this.#startTag(tag);
      }
    }
    while (this.#stack.length > 1) this.#pop();
    this.#endLine();
    return this.#lines;
  }

  get #top(): Frame {
    return this.#stack.at(-1)!;
  }

  #text(text: string): void {
    if (this.#top.place.preformatted) {
      const parts = text.replaceAll('\r\n', '\n').split('\n');
      for (const [index, part] of parts.entries()) {
        if (index > 0) this.#breakLine();
        if (part !== '') this.#add({ text: part.replaceAll('\t', '    '), look: this.#top.look });
      }
      return;
    }
    const flat = text.replace(/[ \t\r\n\f]+/g, ' ');
    const begins = flat.startsWith(' ') ? 1 : 0;
    const ends = flat.length > 1 && flat.endsWith(' ') ? flat.length - 1 : flat.length;
    if (begins > 0) this.#spaceDue = this.#hasText;
    if (begins >= ends) return;
    const words = (this.#spaceDue ? ' ' : '') + flat.slice(begins, ends);
    this.#spaceDue = ends < flat.length;
    this.#add({ text: words, look: this.#top.look });
  }

  #add(run: Run): void {
    const last = this.#runs.at(-1);
    if (last && last.look === run.look && last.image === undefined && run.image === undefined)
      last.text += run.text;
    else this.#runs.push(run);
    this.#hasText = true;
  }

  #startTag(tag: Tag): void {
    const { name } = tag;
    if (name === 'br') this.#breakLine();
    else if (name === 'img') this.#image(tag);
    else if (!INLINE.has(name)) this.#startBlock(tag);
    if (VOID.has(name) || tag.selfClosing) return;
    if (this.#stack.length >= MAX_DEPTH) {
      this.#overflow++;
      return;
    }
    const frame = this.#frameFor(tag);
    // What is on the line so far stands elsewhere.
    if (frame.place !== this.#top.place) this.#endLine();
    this.#stack.push(frame);
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
    if (name === 'td' || name === 'th') {
      // The cells of a row share a line.
      this.#spaceDue = this.#hasText;
      return;
    }
    this.#endLine();
    if (isSpaced(name, attributes)) this.#space();
    if (name === 'hr') {
      this.#pushLine({ ...blankLine(this.#top.place), rule: true });
      this.#blankDue = true;
    }
  }

  /** A blank line is due, but none between a bullet and its words, nor inside of nested lists. */
  #space(): void {
    if (this.#bullet === '' && this.#top.place.indent === 0) this.#blankDue = true;
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
      if (place.preformatted && !this.#hasText) frame.place = { ...place, code: true };
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
    this.#bullet = list?.ordered ? `${list.next++}. ` : '- ';
    const indent = Math.min(MAX_INDENT, frame.place.indent + this.#bullet.length);
    frame.place = { ...frame.place, indent };
  }

  /** What a mail program says of the element. */
  #markFrame(frame: Frame, attributes: Map<string, string>): void {
    const mark = attributes.size > 0 ? markOf(frame.name, attributes) : null;
    if (mark === 'quote') frame.place = { ...frame.place, quoted: true };
    else if (mark === 'intro') frame.place = { ...frame.place, intro: true };
    else if (mark === 'signature') frame.place = { ...frame.place, signature: true };
    else if (mark !== null) {
      this.#endLine();
      this.#opens = mark === 'rest' ? mark : (this.#opens ?? mark);
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
    if (!this.#images && !isCharacter) return;
    if (this.#spaceDue) this.#add({ text: ' ', look: this.#top.look });
    this.#spaceDue = false;
    if (isCharacter) this.#add({ text, look: this.#top.look });
    else this.#add({ text, look: this.#top.look, image: attributes.get('src')?.trim() ?? '' });
  }

  #startTablePart(frame: Frame): void {
    if (frame.name === 'table') {
      this.#builders.at(-1)?.table.holdsTable();
      if (this.#builders.length >= MAX_TABLES) return;
      frame.table = new TableBuilder(frame.place);
      this.#builders.push({ table: frame.table, outer: this.#sink });
      this.#sink = frame.table.beside;
      return;
    }
    const table = this.#innermostTable();
    if (!table) return;
    this.#endLine();
    this.#blankDue = false;
    if (frame.name === 'tr') table.row();
    else if (frame.name === 'td' || frame.name === 'th') this.#sink = table.cell(frame.name === 'th');
  }

  /** The builder of the innermost open table; null when that one is not read as a table. */
  #innermostTable(): TableBuilder | null {
    return this.#stack.findLast((frame) => frame.name === 'table')?.table ?? null;
  }

  #endTag(name: string): void {
    if (this.#overflow > 0) {
      this.#overflow--;
      if (!INLINE.has(name)) this.#endLine();
      return;
    }
    if (!INLINE.has(name) && name !== 'td' && name !== 'th') this.#endLine();
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
    const isCell = frame.name === 'td' || frame.name === 'th';
    const table = isCell ? this.#innermostTable() : null;
    const elsewhere = frame.place !== this.#stack.at(-2)!.place;
    if (elsewhere || (isCell ? table : !INLINE.has(frame.name))) this.#endLine();
    this.#stack.pop();
    this.#open.set(frame.name, this.#open.get(frame.name)! - 1);
    if (frame.name === 'li') this.#bullet = '';
    if (table) this.#sink = table.beside;
    if (frame.table) this.#endTable(frame.table);
    if (frame.spaced) this.#space();
  }

  #endTable(table: TableBuilder): void {
    const { outer } = this.#builders.pop()!;
    this.#sink = outer;
    this.#blankDue = true;
    for (const line of table.finish()) {
      if (this.#blankDue) this.#blankLine();
      outer.push(line);
    }
  }

  /** A line ends although nothing may be on it. */
  #breakLine(): void {
    if (!this.#endLine()) this.#blankLine();
  }

  #endLine(): boolean {
    const runs = this.#runs;
    this.#runs = [];
    this.#hasText = false;
    this.#spaceDue = false;
    const text = lineText(runs);
    if (text === '' && !runs.some((run) => run.image !== undefined)) {
      // A space that does not break is how mail programs keep an empty line open.
      if (runs.some((run) => run.text.includes('\u00a0'))) this.#blankLine();
      return false;
    }
    this.#pushLine({ ...blankLine(this.#top.place), text, runs, bullet: this.#bullet });
    this.#bullet = '';
    return true;
  }

  #pushLine(line: Line): void {
    if (++this.#count > MAX_LINES) return;
    if (this.#blankDue) this.#blankLine();
    line.opens = this.#opens;
    this.#opens = null;
    this.#sink.push(line);
  }

  /** One blank line stands for many. */
  #blankLine(): void {
    this.#blankDue = false;
    const last = this.#sink.at(-1);
    if (!last || isBlank(last)) return;
    const { place } = this.#top;
    // Between the inside and the outside of an element it stands outside.
    const isDeeper = place.code || place.citations > last.place.citations;
    this.#sink.push(blankLine(isDeeper ? last.place : place));
  }
}

function isSpaced(name: string, attributes: string): boolean {
  return SPACED.has(name) && !(name === 'p' && hasNoMargin(attributes));
}

const NONE = new Map<string, string>();

/** Paragraphs that Outlook makes of lines, and those that say so. */
function hasNoMargin(attributes: string): boolean {
  return /MsoNormal|MsoPlainText|margin:\s*0/i.test(attributes);
}

function isNormalWeight(style: string | undefined): boolean {
  return style !== undefined && /font-weight:\s*(normal|400)/i.test(style);
}

function isTiny(size: string | undefined): boolean {
  return size !== undefined && /^[01](px)?$/.test(size.trim());
}

/** The words of a line without images, white space as one space. */
function lineText(runs: Run[]): string {
  const text = runs.map((run) => (run.image === undefined ? run.text : ' ')).join('');
  return visible(text).replace(/\s+/g, ' ').trim();
}
