/** What the writer of a mail wrote: its body without quotes, signature and, when asked, the phrases that end a letter. */

import { conclusionLines } from './conclusion.ts';
import { htmlLines } from './html-lines.ts';
import { blankLine, isBlank, type Line, NO_PLACE } from './line.ts';
import { markdownOf } from './markdown.ts';
import { plainTextOf } from './plain-text.ts';
import { ownLines, withoutIntro } from './quotes.ts';
import { beforeSignature } from './signature.ts';

/** What to leave out, and in which form to write the rest (contract 5.3). */
export interface CleanOptions {
  ignoreLinks: boolean;
  ignoreImages: boolean;
  imagesAsMarkdown: boolean;
  ignoreTables: boolean;
  removeConclusionPhrases: boolean;
  htmlAsMarkdown: boolean;
}

/**
 * The writer's own words in the HTML body of a mail, as plain text or Markdown. When the writer added nothing, as in a
 * bare forward, it is what was passed on, without the headers. Linear in the length of `html`, whatever it holds.
 */
export function cleanBody(html: string, options: CleanOptions): string {
  const images = !options.ignoreImages;
  const seen = htmlLines(html, { images, hidden: false });
  const lines = seen.length > 0 ? seen : htmlLines(html, { images, hidden: true });
  const write = options.htmlAsMarkdown ? markdownOf : plainTextOf;
  return write(conversation(lines, options.removeConclusionPhrases), {
    links: !options.ignoreLinks,
    imagesAsMarkdown: options.imagesAsMarkdown,
    tables: !options.ignoreTables,
  });
}

function conversation(lines: Line[], removeConclusion: boolean): Line[] {
  const own = ownLines(lines);
  const unsigned = withoutSignatures(stretches(lines, own));
  if (removeConclusion) {
    const bare = joined(withoutConclusions(unsigned));
    if (bare.length > 0) return bare;
  }
  const written = joined(unsigned);
  if (written.length > 0) return written;
  const passedOn = lines.filter((line, index) => !own[index] || isBlank(line));
  const found = trimmed(withoutIntro(passedOn));
  return found.length > 0 ? found : trimmed(lines);
}

/** The lines that are own, in one list for each place where they stand together. */
function stretches(lines: Line[], own: boolean[]): Line[][] {
  const found: Line[][] = [];
  let open: Line[] | null = null;
  for (const [index, line] of lines.entries()) {
    if (!own[index]) {
      open = null;
    } else if (open) {
      open.push(line);
    } else if (!isBlank(line)) {
      open = [line];
      found.push(open);
    }
  }
  return found;
}

function withoutSignatures(parts: Line[][]): Line[][] {
  return parts
    .map((part) => {
      const unmarked = part.filter((line) => !line.place.signature);
      return unmarked.slice(0, beforeSignature(unmarked.map((line) => line.text)));
    })
    .filter((part) => !part.every(isBlank));
}

/** A letter ends before the quote, or behind the last one; between quotes are answers. */
function withoutConclusions(parts: Line[][]): Line[][] {
  return parts.map((part, index) => {
    const isLast = index === parts.length - 1;
    if (index > 0 && !isLast) return part;
    const ending = conclusionLines(part.map((line) => line.text));
    const rest = part.filter((_line, at) => !ending.has(at));
    return !isLast && rest.every(isBlank) ? part : rest;
  });
}

/** All with a blank line between. */
function joined(parts: Line[][]): Line[] {
  return trimmed(parts.flatMap((part, index) => (index > 0 ? [blankLine(NO_PLACE), ...part] : part)));
}

/** No blank lines and rules at either end, and never two of them one after the other. */
function trimmed(lines: Line[]): Line[] {
  const isEmpty = (line: Line) => line.rule || isBlank(line);
  const first = lines.findIndex((line) => !isEmpty(line));
  const last = lines.findLastIndex((line) => !isEmpty(line));
  return lines
    .slice(Math.max(0, first), last + 1)
    .filter((line, at, all) => !isBlank(line) || !isBlank(all[at - 1]!));
}
