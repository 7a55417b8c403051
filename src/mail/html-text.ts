/** Visible text of HTML, cheaply: one pass, no tree. For snippets and search, never for display as HTML. */

import { decodeEntity } from './html-entity.ts';

/** Elements whose content is never seen. */
const UNSEEN = new Set(['style', 'script', 'head', 'title', 'template', 'noscript', 'object', 'svg', 'math']);
/** Unseen elements whose content is no markup: they end at their own end tag only. */
const RAW = new Set(['style', 'script', 'title']);
const VOID = new Set(['area', 'base', 'br', 'col', 'embed', 'hr', 'img', 'input', 'link', 'meta', 'wbr']);
/** Elements that do not break a line. */
const INLINE = new Set(
  'a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd label mark q s samp small span strike strong sub sup tt u var wbr o:p'.split(
    ' ',
  ),
);

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

interface Tag {
  /** Lower-case; empty for comments, declarations and a '<' that opens nothing. */
  name: string;
  closes: boolean;
  selfClosing: boolean;
  attributes: string;
  end: number;
}

/** The tag at html[at] === '<'. Quotes in attributes are respected; an open tag ends with the text. */
function readTag(html: string, at: number): Tag {
  const none = (end: number): Tag => ({ name: '', closes: false, selfClosing: false, attributes: '', end });
  if (html.startsWith('<!--', at)) {
    const end = html.indexOf('-->', at + 4);
    return none(end < 0 ? html.length : end + 3);
  }
  const next = html.charCodeAt(at + 1);
  if (next === 0x21 || next === 0x3f) {
    const end = html.indexOf('>', at);
    return none(end < 0 ? html.length : end + 1);
  }
  const closes = next === 0x2f;
  let i = closes ? at + 2 : at + 1;
  const nameStart = i;
  while (i < html.length && isNameChar(html.charCodeAt(i))) i++;
  if (i === nameStart) return none(at + 1);
  const name = html.slice(nameStart, i).toLowerCase();
  const attributesStart = i;
  let quote = 0;
  for (; i < html.length; i++) {
    const code = html.charCodeAt(i);
    if (quote !== 0) {
      if (code === quote) quote = 0;
    } else if (code === 0x3e) break;
    else if ((code === 0x22 || code === 0x27) && html.charCodeAt(i - 1) === 0x3d) quote = code;
  }
  const selfClosing = html.charCodeAt(i - 1) === 0x2f;
  return {
    name,
    closes,
    selfClosing,
    attributes: html.slice(attributesStart, i),
    end: Math.min(html.length, i + 1),
  };
}

function isNameChar(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x3a || code === 0x2d;
}

/** Index of the end tag of `name`, which has to be on its own; the length when it never comes. */
function rawEnd(html: string, from: number, name: string): number {
  let at = html.indexOf('</', from);
  while (at >= 0) {
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
    at = html.indexOf('</', at + 2);
  }
  return html.length;
}

const HIDING = [
  'display:none',
  'visibility:hidden',
  'mso-hide:all',
  'font-size:0;',
  'font-size:0px',
  'max-height:0;',
  'max-height:0px',
  'opacity:0;',
  'font-size:1px',
];
/** Characters of attributes looked at for hiding. */
const MAX_ATTRIBUTES = 4_000;

function isHidden(attributes: string): boolean {
  if (attributes.length < 6) return false;
  const flat = `${attributes
    .slice(0, MAX_ATTRIBUTES)
    .toLowerCase()
    .replace(/[\s"']/g, '')};`;
  if (!flat.includes('style=') && !flat.includes('hidden')) return false;
  if (/(^|\s)hidden(\s|=|$)/i.test(attributes.slice(0, MAX_ATTRIBUTES))) return true;
  return HIDING.some((rule) => flat.includes(rule));
}

function decodeEntities(text: string): string {
  let at = text.indexOf('&');
  if (at < 0) return text;
  let out = '';
  let copied = 0;
  while (at >= 0) {
    const entity = decodeEntity(text, at);
    if (entity) {
      out += text.slice(copied, at) + entity.text;
      copied = entity.end;
    }
    at = text.indexOf('&', entity ? entity.end : at + 1);
  }
  return out + text.slice(copied);
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
