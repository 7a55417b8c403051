/** Lines of a mail: what a reader sees, with what is known of each. */

/** How a stretch of text looks. */
export interface Look {
  bold: boolean;
  italic: boolean;
  strike: boolean;
  code: boolean;
  /** Where it leads when it is a link. */
  href: string | null;
}

/** A stretch of text that looks the same, or an image. */
export interface Run {
  text: string;
  look: Look;
  /** Address of an image, of which `text` is the description. */
  image?: string;
}

/** Where in the mail a line stands. */
export interface Place {
  /** In an element that a mail program puts around what it quotes. */
  quoted: boolean;
  /** In an element that introduces a quote. */
  intro: boolean;
  signature: boolean;
  /** Number of the outermost blockquote of which nothing says that it is a reply's; 0 for none. */
  citation: number;
  /** How many of those are around it. */
  citations: number;
  /** Columns that lists push it in. */
  indent: number;
  /** 1 to 6; 0 for none. */
  heading: number;
  /** White space and line ends count. */
  preformatted: boolean;
  /** Preformatted, and code. */
  code: boolean;
}

export interface Line {
  /** As plain text on one line, trimmed; empty for a blank line, a rule and an image. */
  text: string;
  runs: Run[];
  place: Place;
  /** `- ` or `1. ` when a list item begins here. */
  bullet: string;
  /** A horizontal rule. */
  rule: boolean;
  /** The cells of a table's row. */
  cells: Run[][] | null;
  /** Row that heads a table of so many columns; 0 for any other line. */
  columns: number;
  /** What begins here is said to be quoted to the end. */
  opens: 'rest' | 'rest?' | null;
}

/** Whether there is nothing to see on a line. */
export function isBlank(line: Line): boolean {
  return line.text === '' && line.runs.length === 0 && !line.rule && line.cells === null;
}

/** Index of the first line from `from` on that is not blank; the end when there is none. */
export function nextFilled(lines: Line[], from: number, end = lines.length): number {
  let at = from;
  while (at < end && isBlank(lines[at]!)) at++;
  return at;
}

export const NO_LOOK: Look = { bold: false, italic: false, strike: false, code: false, href: null };

export const NO_PLACE: Place = {
  quoted: false,
  intro: false,
  signature: false,
  citation: 0,
  citations: 0,
  indent: 0,
  heading: 0,
  preformatted: false,
  code: false,
};

export function blankLine(place: Place): Line {
  return { text: '', runs: [], place, bullet: '', rule: false, cells: null, columns: 0, opens: null };
}
