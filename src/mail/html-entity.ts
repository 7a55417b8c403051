/** Character references of HTML that mail uses (HTML 4 names of Latin-1, Greek, punctuation and signs; numbers). */

const LATIN1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml';
/** From U+0391 on; '-' where no letter stands. */
const GREEK =
  'Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho - Sigma Tau Upsilon Phi Chi Psi Omega - - - - - - - alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega';
const OTHERS: [string, number][] = [
  ['amp', 0x26],
  ['lt', 0x3c],
  ['gt', 0x3e],
  ['quot', 0x22],
  ['apos', 0x27],
  ['AMP', 0x26],
  ['LT', 0x3c],
  ['GT', 0x3e],
  ['QUOT', 0x22],
  ['euro', 0x20ac],
  ['hellip', 0x2026],
  ['mdash', 0x2014],
  ['ndash', 0x2013],
  ['lsquo', 0x2018],
  ['rsquo', 0x2019],
  ['sbquo', 0x201a],
  ['ldquo', 0x201c],
  ['rdquo', 0x201d],
  ['bdquo', 0x201e],
  ['bull', 0x2022],
  ['trade', 0x2122],
  ['lsaquo', 0x2039],
  ['rsaquo', 0x203a],
  ['dagger', 0x2020],
  ['permil', 0x2030],
  ['larr', 0x2190],
  ['uarr', 0x2191],
  ['rarr', 0x2192],
  ['darr', 0x2193],
  ['minus', 0x2212],
  ['ensp', 0x2002],
  ['emsp', 0x2003],
  ['thinsp', 0x2009],
  ['zwnj', 0x200c],
  ['zwj', 0x200d],
  ['rArr', 0x21d2],
  ['hArr', 0x21d4],
  ['harr', 0x2194],
  ['Prime', 0x2033],
  ['prime', 0x2032],
  ['oline', 0x203e],
  ['frasl', 0x2044],
  ['lrm', 0x200e],
  ['rlm', 0x200f],
  ['Dagger', 0x2021],
  ['circ', 0x2c6],
  ['tilde', 0x2dc],
  ['fnof', 0x192],
  ['Yuml', 0x178],
  ['ne', 0x2260],
  ['le', 0x2264],
  ['ge', 0x2265],
  ['asymp', 0x2248],
  ['infin', 0x221e],
  ['sum', 0x2211],
  ['radic', 0x221a],
  ['part', 0x2202],
  ['spades', 0x2660],
  ['clubs', 0x2663],
  ['diams', 0x2666],
  ['OElig', 0x152],
  ['oelig', 0x153],
  ['Scaron', 0x160],
  ['scaron', 0x161],
  ['check', 0x2713],
  ['star', 0x2606],
  ['hearts', 0x2665],
];
const NAMED = new Map<string, string>([
  ...LATIN1.split(' ').map((name, i): [string, string] => [name, String.fromCharCode(160 + i)]),
  ...GREEK.split(' ').map((name, i): [string, string] => [name, String.fromCharCode(0x391 + i)]),
  ...OTHERS.map(([name, code]): [string, string] => [name, String.fromCharCode(code)]),
]);
/** Longest reference looked at, '&' and ';' included. */
const MAX_REFERENCE = 12;

/** The reference at text[at] === '&', with the index behind it; null when none is there. ';' may be missing. */
function decodeEntity(text: string, at: number): { text: string; end: number } | null {
  const stop = Math.min(text.length, at + MAX_REFERENCE);
  let i = at + 1;
  const numeric = text[i] === '#';
  if (numeric) i++;
  const hex = numeric && (text[i] === 'x' || text[i] === 'X');
  if (hex) i++;
  const start = i;
  while (i < stop && isAlphanumeric(text.charCodeAt(i))) i++;
  const body = text.slice(start, i);
  const end = text[i] === ';' ? i + 1 : i;
  if (!numeric) {
    const known = NAMED.get(body);
    return known === undefined ? null : { text: known, end };
  }
  if (!(hex ? /^[0-9a-f]+$/i : /^[0-9]+$/).test(body)) return null;
  return { text: character(Number.parseInt(body, hex ? 16 : 10)), end };
}

/** `text` with its character references decoded. Linear. */
export function decodeEntities(text: string): string {
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

function isAlphanumeric(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

/** NUL, surrogates and what lies past Unicode are U+FFFD; 128 to 159 are windows-1252 (as browsers do). */
function character(code: number): string {
  if (code >= 128 && code < 160) return new TextDecoder('windows-1252').decode(Uint8Array.of(code));
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return '\ufffd';
  return String.fromCodePoint(code);
}
