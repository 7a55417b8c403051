/** Date and time of mail headers (RFC 5322 3.3 and 4.3), as found in the wild. */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** Hours from UTC of the named zones of RFC 5322 4.3, and a few seen in mail. Unknown names are UTC. */
const ZONES = new Map([
  ['est', -5],
  ['edt', -4],
  ['cst', -6],
  ['cdt', -5],
  ['mst', -7],
  ['mdt', -6],
  ['pst', -8],
  ['pdt', -7],
  ['cet', 1],
  ['cest', 2],
  ['met', 1],
  ['mest', 2],
  ['eet', 2],
  ['eest', 3],
  ['bst', 1],
  ['jst', 9],
]);
/** Longer than any date with its comments. */
const MAX_DATE = 200;

/** Unix seconds of a Date header value, null when it names no moment. Never uses the local zone. */
export function parseMailDate(value: string): number | null {
  const iso = isoDate(value.trim());
  if (iso !== null) return iso;
  let day = -1;
  let month = -1;
  let year = -1;
  let time: number[] | null = null;
  let zone = 0;
  for (const token of tokens(value.slice(0, MAX_DATE))) {
    if (token.includes(':')) {
      time ??= clock(token);
    } else if ((token[0] === '+' || token[0] === '-') && time) {
      zone = numericZone(token) ?? zone;
    } else if (isDigits(token)) {
      if (day < 0 && token.length <= 2) day = Number(token);
      else if (year < 0 && token.length <= 4) year = fullYear(token);
    } else if (month < 0 && MONTHS.includes(token.slice(0, 3))) {
      month = MONTHS.indexOf(token.slice(0, 3));
    } else if (time && ZONES.has(token)) {
      zone = ZONES.get(token)! * 60;
    }
  }
  if (day < 1 || day > 31 || month < 0 || year < 0) return null;
  const [hour, minute, second] = time ?? [0, 0, 0];
  return seconds(year, month, day, hour!, minute!, second!, zone);
}

function seconds(y: number, mo: number, d: number, h: number, mi: number, s: number, zone: number) {
  if (h > 23 || mi > 59 || s > 60 || y < 1900 || y > 9999) return null;
  const ms = Date.UTC(y, mo, d, h, mi, s) - zone * 60_000;
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : null;
}

/** Lower-case words without comments; '13-Feb-1969' counts as three words. */
function tokens(value: string): string[] {
  let plain = '';
  let depth = 0;
  for (const char of value.toLowerCase()) {
    if (char === '(') depth++;
    else if (char === ')') depth = Math.max(0, depth - 1);
    else if (depth === 0) plain += char;
    if (char === ')' && depth === 0) plain += ' ';
  }
  const words: string[] = [];
  const spaced = plain.replaceAll(',', ' ').replace(/\s*:\s*/g, ':'); // at most MAX_DATE characters
  for (const word of spaced.split(/\s/)) {
    if (word.length === 0) continue;
    const inner = word.slice(1).includes('-') && !word.includes(':') ? word.split('-') : [word];
    words.push(...inner.filter((part) => part.length > 0));
  }
  return words;
}

function clock(token: string): number[] | null {
  const parts = token.split(':');
  if (parts.length > 3) return null;
  const numbers = parts.map((part) => Number.parseInt(part, 10));
  const [hour, minute, second] = numbers;
  if (!(hour! >= 0) || !(minute! >= 0)) return null;
  return [hour!, minute!, second && second > 0 ? second : 0];
}

/** Minutes of '+hhmm' or '-hhmm'. */
function numericZone(token: string): number | null {
  const digits = token.slice(1).replace(':', '');
  if (!isDigits(digits) || digits.length < 3 || digits.length > 4) return null;
  const value = Number(digits);
  const minutes = Math.floor(value / 100) * 60 + (value % 100);
  return minutes > 24 * 60 ? null : token[0] === '-' ? -minutes : minutes;
}

/** RFC 5322 4.3: 00 to 49 are 2000 to 2049, 50 to 99 and three digits count from 1900. */
function fullYear(token: string): number {
  const year = Number(token);
  if (token.length === 4) return year;
  return token.length === 2 && year < 50 ? 2000 + year : 1900 + year;
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length > 0;
}

/** 'YYYY-MM-DD[T ]hh:mm[:ss][zone]', which some robots send; without a zone it is UTC. */
function isoDate(value: string): number | null {
  const found = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2}))?/.exec(value);
  if (!found) return null;
  const [year, month, day, hour, minute, second] = found.slice(1).map((part) => Number(part ?? 0));
  const rest = value
    .slice(found[0].length)
    .replace(/^\.\d{1,9}/, '')
    .trim();
  const zone = rest[0] === '+' || rest[0] === '-' ? (numericZone(rest.slice(0, 6)) ?? 0) : 0;
  if (month! < 1 || month! > 12 || day! < 1 || day! > 31) return null;
  return seconds(year!, month! - 1, day!, hour!, minute!, second!, zone);
}
