/** Plain text made into HTML that is safe to show: escaped, line breaks kept, links made clickable. */

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const SCHEMES = ['https://', 'http://', 'mailto:'];
/** Longest URL made into a link. */
const MAX_URL = 2_048;

/** HTML of `text`. Only http, https and mailto become links. Linear. */
export function textToHtml(text: string): string {
  let out = '';
  let copied = 0;
  let at = nextLink(text, 0);
  while (at >= 0) {
    const end = linkEnd(text, at);
    if (end > at) {
      const url = escapeHtml(text.slice(at, end));
      out += `${escapeLines(text.slice(copied, at))}<a href="${url}">${url}</a>`;
      copied = end;
    }
    at = nextLink(text, Math.max(end, at + 1));
  }
  return out + escapeLines(text.slice(copied));
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char]!);
}

function escapeLines(text: string): string {
  return escapeHtml(text).replace(/\r\n|\r|\n/g, '<br>\n');
}

/** Index of the next scheme that does not stand inside a word. */
function nextLink(text: string, from: number): number {
  let colon = text.indexOf(':', from);
  while (colon >= 0) {
    for (const scheme of SCHEMES) {
      const start = colon - scheme.indexOf(':');
      if (start >= from && text.slice(start, start + scheme.length).toLowerCase() === scheme) {
        if (start === 0 || !/[\p{L}\p{N}]/u.test(text[start - 1]!)) return start;
      }
    }
    colon = text.indexOf(':', colon + 1);
  }
  return -1;
}

/** End of the URL at `at`, without the punctuation of the sentence around it; `at` when it is none. */
function linkEnd(text: string, at: number): number {
  const stop = Math.min(text.length, at + MAX_URL);
  let end = at;
  while (end < stop && isUrlChar(text.charCodeAt(end))) end++;
  while (end > at && '.,;:!?)]}\'"*'.includes(text[end - 1]!)) end--;
  return end - text.indexOf(':', at) > 3 ? end : at;
}

function isUrlChar(code: number): boolean {
  return (
    code > 0x20 &&
    code !== 0x22 &&
    code !== 0x3c &&
    code !== 0x3e &&
    code !== 0x7f &&
    !(code >= 0x80 && code <= 0xa0)
  );
}
