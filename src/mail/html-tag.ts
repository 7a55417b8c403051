/** Tags of HTML as they stand in mail: one pass over the text, no tree. */

import { decodeEntities } from './html-entity.ts';

/** Elements whose content is never seen. */
export const UNSEEN = new Set([
  'style',
  'script',
  'head',
  'title',
  'template',
  'noscript',
  'object',
  'svg',
  'math',
]);
/** Unseen elements whose content is no markup: they end at their own end tag only. */
export const RAW = new Set(['style', 'script', 'title']);
/** Elements that have no end tag. */
export const VOID = new Set([
  'area',
  'base',
  'br',
  'col',
  'embed',
  'hr',
  'img',
  'input',
  'link',
  'meta',
  'wbr',
]);
/** Elements that do not break a line. */
export const INLINE = new Set(
  'a abbr acronym b bdi bdo big cite code del dfn em font i img ins kbd label mark q s samp small span strike strong sub sup tt u var wbr o:p'.split(
    ' ',
  ),
);

export interface Tag {
  /** Lower-case; empty for comments, declarations and a '<' that opens nothing. */
  name: string;
  closes: boolean;
  selfClosing: boolean;
  /** As written; read them with {@link readAttributes}. */
  attributes: string;
  end: number;
}

/** The tag at html[at] === '<'. Quotes in attributes are respected; an open tag ends with the text. */
export function readTag(html: string, at: number): Tag {
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
export function rawEnd(html: string, from: number, name: string): number {
  let at = html.indexOf('</', from);
  while (at >= 0) {
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
    at = html.indexOf('</', at + 2);
  }
  return html.length;
}

/** Styles that take an element out of the page with all that is in it. */
const REMOVING = ['display:none', 'mso-hide:all', 'max-height:0;', 'max-height:0px'];
/** These as well, of which some stand on what only places things, with visible text inside. */
const HIDING = [
  ...REMOVING,
  'visibility:hidden',
  'font-size:0;',
  'font-size:0px',
  'opacity:0;',
  'font-size:1px',
];
/** Characters of attributes looked at for hiding. */
const MAX_ATTRIBUTES = 4_000;

/** Whether an element looks hidden by inline style or attribute; enough for who has another way when nothing is left. */
export function isHidden(attributes: string): boolean {
  return hides(attributes, HIDING);
}

/** Whether an element is hidden for certain, whatever is inside. */
export function isRemoved(attributes: string): boolean {
  return hides(attributes, REMOVING);
}

function hides(attributes: string, rules: string[]): boolean {
  if (attributes.length < 6) return false;
  const head = attributes.slice(0, MAX_ATTRIBUTES).toLowerCase();
  const flat = `${head.replace(/[\s"']/g, '')};`;
  if (!flat.includes('style=') && !flat.includes('hidden')) return false;
  // The attribute, and not a word in the value of another.
  if (/(^|\s)hidden(\s|=|$)/.test(head.replace(/"[^"]*"|'[^']*'/g, '""'))) return true;
  return rules.some((rule) => flat.includes(rule));
}

/** Attributes of one tag that are looked at. */
const MAX_ATTRIBUTE_COUNT = 40;

/** Attributes by lower-case name, entities decoded; the first of a name counts. Linear. */
export function readAttributes(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let at = 0;
  while (found.size < MAX_ATTRIBUTE_COUNT) {
    while (at < text.length && isGap(text.charCodeAt(at))) at++;
    if (at >= text.length) break;
    const nameStart = at++; // a stray '=' is part of a name
    while (at < text.length && text[at] !== '=' && !isGap(text.charCodeAt(at))) at++;
    const name = text.slice(nameStart, at).toLowerCase();
    let next = at;
    while (next < text.length && isGap(text.charCodeAt(next))) next++;
    let value = '';
    if (text[next] === '=') {
      at = next + 1;
      while (at < text.length && isSpace(text.charCodeAt(at))) at++;
      const quote = text[at];
      let end: number;
      if (quote === '"' || quote === "'") {
        end = text.indexOf(quote, ++at);
        if (end < 0) end = text.length;
      } else {
        end = at;
        while (end < text.length && !isSpace(text.charCodeAt(end))) end++;
      }
      value = decodeEntities(text.slice(at, end));
      at = end + (quote === '"' || quote === "'" ? 1 : 0);
    }
    if (!found.has(name)) found.set(name, value);
  }
  return found;
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

/** What stands between attributes. */
function isGap(code: number): boolean {
  return isSpace(code) || code === 0x2f;
}
