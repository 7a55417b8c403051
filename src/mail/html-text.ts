/** Visible text of HTML, cheaply: one pass, no tree. For snippets and search, never for display as HTML. */

import { decodeEntities } from './html-entity.ts';
import { INLINE, isHidden, RAW, rawEnd, readTag, UNSEEN, VOID } from './html-tag.ts';

export interface HtmlTextOptions {
  /** Stop after about this many characters of text; white space between tags does not count. */
  maxChars?: number;
  /** Leave out elements hidden by inline style or attribute (preheaders, tracking text). */
  skipHidden?: boolean;
}

/**
 * Text of `html`: tags removed, entities decoded, blocks on lines of their own, white space collapsed.
 * Comments, style, script and the like are left out. Linear in the length of `html`.
 */
export function htmlText(html: string, options: HtmlTextOptions = {}): string {
  return collapse(looseText(html, options));
}

/** The same with white space as it stands, for callers that collapse it themselves. */
export function looseText(html: string, options: HtmlTextOptions = {}): string {
  const max = options.maxChars ?? Number.POSITIVE_INFINITY;
  const out: string[] = [];
  let length = 0;
  let hiddenBy = ''; // name of the element being left out
  let hiddenDepth = 0;
  let at = 0;
  while (at < html.length && length < max) {
    let open = html.indexOf('<', at);
    if (open < 0) open = html.length;
    if (open > at && hiddenDepth === 0) {
      const stop = max === Number.POSITIVE_INFINITY ? open : Math.min(open, at + (max - length) * 12 + 64);
      const text = decodeEntities(oneLine(html.slice(at, stop)));
      out.push(text);
      length += text.trim().length;
    }
    if (open === html.length) break;
    const tag = readTag(html, open);
    at = tag.end;
    if (tag.name === '') {
      if (tag.end === open + 1 && hiddenDepth === 0) out.push('<');
      continue;
    }
    if (hiddenBy === 'head' && tag.name === 'body') hiddenDepth = 0;
    if (hiddenDepth > 0) {
      if (tag.name !== hiddenBy || tag.selfClosing) continue;
      hiddenDepth += tag.closes ? -1 : 1;
      continue;
    }
    if (tag.closes || VOID.has(tag.name) || tag.selfClosing) {
      if (!INLINE.has(tag.name)) out.push('\n');
    } else if (RAW.has(tag.name)) {
      at = rawEnd(html, tag.end, tag.name);
    } else if (UNSEEN.has(tag.name) || (options.skipHidden && isHidden(tag.attributes))) {
      hiddenBy = tag.name;
      hiddenDepth = 1;
    } else if (!INLINE.has(tag.name)) {
      out.push('\n');
    }
  }
  return out.join('');
}

/** Line ends in the source are white space like any other. */
function oneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, ' ') : text;
}

/** White space inside lines to one space, lines trimmed, empty lines dropped. */
function collapse(text: string): string {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const flat = line.replace(/[\s\u00a0]+/g, ' ').trim();
    if (flat.length > 0) lines.push(flat);
  }
  return lines.join('\n');
}
