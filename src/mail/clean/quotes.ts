/** Which lines of a mail its writer wrote, and which are quoted. */

import { isBlank, type Line, nextFilled } from './line.ts';
import { introAt } from './quote-intro.ts';

/** For each line whether it is the writer's own. */
export function ownLines(lines: Line[]): boolean[] {
  const own = lines.map(() => true);
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at]!)) {
      at++;
    } else if (isQuoted(lines, at)) {
      own[at++] = false;
    } else {
      at = passIntro(lines, at, own);
    }
  }
  return own;
}

/** Marks an introduction that begins at `at`, with what it introduces when nothing else marks that; returns where to go on. */
function passIntro(lines: Line[], at: number, own: boolean[]): number {
  const intro = introAt(lines, at);
  if (!intro) return at + 1;
  const next = nextFilled(lines, intro.end);
  const follows = lines[next];
  if (follows && lines[at]!.opens !== 'rest') {
    if (isQuoted(lines, next)) {
      own.fill(false, at, next);
      return next;
    }
    const { citation } = follows.place;
    if (citation > 0 && intro.strength !== 'words') {
      // A blockquote of which only these words say that it is a reply's.
      let end = next;
      while (end < lines.length && lines[end]!.place.citation === citation) end++;
      own.fill(false, at, end);
      return end;
    }
  }
  if (intro.strength === 'certain') {
    own.fill(false, at);
    return lines.length;
  }
  if (intro.strength === 'element') own.fill(false, at, intro.end);
  return Math.max(intro.end, at + 1);
}

/** The lines without the introduction that they begin with: what is left of a mail that only passes another on. */
export function withoutIntro(lines: Line[]): Line[] {
  let at = nextFilled(lines, 0);
  while (at < lines.length) {
    const end = introAt(lines, at)?.end ?? at;
    if (end === at) break;
    at = nextFilled(lines, end);
  }
  return lines.slice(at);
}

function isQuoted(lines: Line[], at: number): boolean {
  const { place, text } = lines[at]!;
  return place.quoted || (text.startsWith('>') && !isEscapedFrom(lines, at));
}

/** `>From` alone is a line of one's own that a mailbox file has escaped. */
function isEscapedFrom(lines: Line[], at: number): boolean {
  if (!lines[at]!.text.startsWith('>From ')) return false;
  return !lines[at - 1]?.text.startsWith('>') && !lines[at + 1]?.text.startsWith('>');
}
