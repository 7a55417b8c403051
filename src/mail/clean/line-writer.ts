/** Text put on lines: white space as one space, blank lines between paragraphs, tables aside until they end. */

import { blankLine, isBlank, type Line, type Look, NO_LOOK, NO_PLACE, type Place, type Run } from './line.ts';
import { visible } from './shown.ts';
import { TableBuilder } from './table.ts';

/** Far more than anybody writes; lines behind them are left out, so that time and memory are bounded. */
const MAX_LINES = 100_000;
/** Tables inside each other that are read as tables; further ones are layout. */
const MAX_TABLES = 8;

export class LineWriter {
  readonly lines: Line[] = [];
  /** Where what is written stands, and how it looks. */
  place: Place = NO_PLACE;
  look: Look = NO_LOOK;
  /** Of the list item that begins with the next line. */
  bullet = '';
  /** What is said to begin with the next line. */
  opens: Line['opens'] = null;

  #sink = this.lines;
  /** Tables around, with where their lines go. */
  readonly #tables: { table: TableBuilder; outer: Line[] }[] = [];
  #count = 0;
  #runs: Run[] = [];
  #spaceDue = false;
  #blankDue = false;

  get isFull(): boolean {
    return this.#count >= MAX_LINES;
  }

  /** Something stands on the line. */
  get isOnLine(): boolean {
    return this.#runs.length > 0;
  }

  text(text: string): void {
    if (this.place.preformatted) {
      const parts = text.replaceAll('\r\n', '\n').split('\n');
      for (const [index, part] of parts.entries()) {
        if (index > 0) this.breakLine();
        if (part !== '') this.#add({ text: part.replaceAll('\t', '    '), look: this.look });
      }
      return;
    }
    const flat = text.replace(/[ \t\r\n\f]+/g, ' ');
    const begins = flat.startsWith(' ') ? 1 : 0;
    const ends = flat.length > 1 && flat.endsWith(' ') ? flat.length - 1 : flat.length;
    if (begins > 0) this.space();
    if (begins >= ends) return;
    const words = (this.#spaceDue ? ' ' : '') + flat.slice(begins, ends);
    this.#spaceDue = ends < flat.length;
    this.#add({ text: words, look: this.look });
  }

  /** An image, described by its text. */
  image(text: string, address: string): void {
    if (this.#spaceDue) this.#add({ text: ' ', look: this.look });
    this.#spaceDue = false;
    this.#add({ text, look: this.look, image: address });
  }

  /** A space, unless the line is empty or ends. */
  space(): void {
    this.#spaceDue = this.isOnLine;
  }

  rule(): void {
    this.#push({ ...blankLine(this.place), rule: true });
    this.#blankDue = true;
  }

  /** A blank line before what comes next, but none between a bullet and its words, nor inside of lists. */
  paragraph(): void {
    if (this.bullet === '' && this.place.indent === 0) this.#blankDue = true;
  }

  /** A line ends although nothing may be on it. */
  breakLine(): void {
    if (!this.endLine()) this.#blankLine();
  }

  /** Ends the line when something is on it, and tells whether there was. */
  endLine(): boolean {
    const runs = this.#runs;
    this.#runs = [];
    this.#spaceDue = false;
    const text = lineText(runs);
    if (text === '' && !runs.some((run) => run.image !== undefined)) {
      // A space that does not break is how mail programs keep an empty line open.
      if (runs.some((run) => run.text.includes('\u00a0'))) this.#blankLine();
      return false;
    }
    this.#push({ ...blankLine(this.place), text, runs, bullet: this.bullet });
    this.bullet = '';
    return true;
  }

  /** A table begins; null when it is too deep to be read as one. */
  startTable(): TableBuilder | null {
    this.#tables.at(-1)?.table.holdsTable();
    if (this.#tables.length >= MAX_TABLES) return null;
    const table = new TableBuilder(this.place);
    this.#tables.push({ table, outer: this.#sink });
    this.#sink = table.beside;
    return table;
  }

  /** What follows goes into a cell, or beside the cells. */
  intoTable(lines: Line[]): void {
    this.#blankDue = false;
    this.#sink = lines;
  }

  /** The innermost table ends. */
  endTable(): void {
    const { table, outer } = this.#tables.pop()!;
    this.#sink = outer;
    this.#blankDue = true;
    for (const line of table.finish()) {
      if (this.#blankDue) this.#blankLine();
      outer.push(line);
    }
  }

  #add(run: Run): void {
    const last = this.#runs.at(-1);
    if (last && last.look === run.look && last.image === undefined && run.image === undefined)
      last.text += run.text;
    else this.#runs.push(run);
  }

  #push(line: Line): void {
    if (++this.#count > MAX_LINES) return;
    if (this.#blankDue) this.#blankLine();
    line.opens = this.opens;
    this.opens = null;
    this.#sink.push(line);
  }

  /** One blank line stands for many. */
  #blankLine(): void {
    this.#blankDue = false;
    const last = this.#sink.at(-1);
    if (!last || isBlank(last)) return;
    // Between the inside and the outside of an element it stands outside.
    const isDeeper = this.place.code || this.place.citations > last.place.citations;
    this.#sink.push(blankLine(isDeeper ? last.place : this.place));
  }
}

/** The words of a line without images, white space as one space. */
function lineText(runs: Run[]): string {
  const text = runs.map((run) => (run.image === undefined ? run.text : ' ')).join('');
  return visible(text).replace(/\s+/g, ' ').trim();
}
