import { blankLine, type Line, NO_LOOK, NO_PLACE, type Place } from './line.ts';

const SPACE = { text: ' ', look: NO_LOOK };

/** Lines of one cell in a table with headings; one without, of which a cell has more, only places things. */
const MAX_CELL_LINES = 4;

/** Collects the lines of a table by rows and cells, and says at its end whether it was one of data or of layout. */
export class TableBuilder {
  /** What stands in the table but in no cell. */
  readonly beside: Line[] = [];
  readonly #place: Place;
  readonly #rows: Line[][][] = [];
  #cellLines = 1;
  #isLayout = false;

  /** `place` is where the table stands. */
  constructor(place: Place) {
    this.#place = place;
  }

  row(): void {
    this.#rows.push([]);
  }

  cell(isHeading: boolean): Line[] {
    if (this.#rows.length === 0) this.row();
    if (isHeading) this.#cellLines = MAX_CELL_LINES;
    const lines: Line[] = [];
    this.#rows.at(-1)!.push(lines);
    return lines;
  }

  holdsTable(): void {
    this.#isLayout = true;
  }

  /** One line a row; or the lines as they came when this was no table of data. */
  finish(): Line[] {
    const rows = this.#rows.filter((row) => row.some((cell) => cell.length > 0));
    const columns = rows.reduce((most, row) => Math.max(most, row.length), 0);
    const isData = (cell: Line[]) =>
      cell.length <= this.#cellLines && cell.every((line) => this.#isPlain(line));
    if (this.#isLayout || columns < 2 || !rows.every((row) => row.every(isData)))
      return laidOut([this.beside, ...rows.flat()]);
    return [...this.beside, ...rows.map((row, index) => rowLine(row, index === 0 ? columns : 0))];
  }

  /** A line of text that belongs to the same part of the mail as the table. */
  #isPlain({ bullet, rule, opens, place }: Line): boolean {
    const { quoted, intro, signature } = this.#place;
    const isSamePart = place.quoted === quoted && place.intro === intro && place.signature === signature;
    return isSamePart && !bullet && !rule && !opens;
  }
}

/** Cells one below the other, with a blank line around those that hold more than a line. */
function laidOut(parts: Line[][]): Line[] {
  const lines: Line[] = [];
  let before = 0;
  for (const part of parts) {
    if (part.length === 0) continue;
    if (before > 1 || (before > 0 && part.length > 1)) lines.push(blankLine(part[0]!.place));
    for (const line of part) lines.push(line);
    before = part.length;
  }
  return lines;
}

function rowLine(row: Line[][], columns: number): Line {
  const cells = row.map((lines) =>
    lines.flatMap((line, index) => (index === 0 ? line.runs : [SPACE, ...line.runs])),
  );
  const text = row.flatMap((lines) => lines.map((line) => line.text)).join(' ');
  const place = row.flat()[0]?.place ?? NO_PLACE;
  return { ...blankLine(place), text: text.trim(), cells, columns };
}
