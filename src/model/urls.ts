/** Characters that a URL has to escape (RFC 3986), or that a parser would quietly drop. */
const UNESCAPED = /[\s\p{Cc}"<>\\^`{|}]/u;

/** Whether a text is an absolute http or https URL that names a host and no user. */
export function isWebUrl(text: string): boolean {
  const url = /^https?:\/\/[^/]/i.test(text) && !UNESCAPED.test(text) ? URL.parse(text) : null;
  return url !== null && url.username === '' && url.password === '';
}

/** Whether a URL is fit to receive what nobody else may read: https, or http to this very machine (RFC 8252, 8.3). */
export function isSafeWebUrl(text: string): boolean {
  const url = isWebUrl(text) ? URL.parse(text) : null;
  return url?.protocol === 'https:' || isLocalhost(url?.hostname ?? '');
}

/** Whether a text is a safe scheme, host and port, and nothing more (RFC 6454). */
export function isOrigin(text: string): boolean {
  return /^https?:\/\/[^/?#@]+$/i.test(text) && isSafeWebUrl(text);
}

/** `localhost` and the loopback addresses, as the URL parser writes them. */
function isLocalhost(hostname: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
