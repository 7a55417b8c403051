import type { RedirectUri, RedirectUriSettings } from '../model/redirect-uri.ts';
import { isOrigin, isSafeWebUrl } from '../model/urls.ts';
import { invalidRequest } from '../platform/errors.ts';

/** RFC 3986, 3.1. */
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
/** Schemes that a browser or the system acts upon by itself: no app receives what is sent there. */
const NOT_OF_AN_APP = new Set(
  'about blob chrome data file filesystem ftp ftps http https intent javascript mailto sms tel vbscript view-source ws wss'.split(
    ' ',
  ),
);
/** What a URI consists of (RFC 3986, 2): visible ASCII, the rest is escaped. */
const URI = /^[!#-;=?-[\]_a-z~]+$/i;

/** Throws a 400 unless this may be a redirect URI. `at` is where it stands in the body: `callback_uris[0].` or nothing. */
export function assertRedirectUri(uri: Omit<RedirectUri, 'id' | 'deleted_at'>, at: string): void {
  const { url, platform, settings = {} } = uri;
  const refuse = (message: string) => invalidRequest(`${at}url`, message);
  if (!URI.test(url)) throw refuse('must be a URI of visible ASCII characters, the others percent-encoded');
  if (url.includes('#')) throw refuse('must not have a fragment (RFC 6749, 3.1.2)');
  const scheme = SCHEME.exec(url)?.[1]?.toLowerCase();
  const deepLink =
    (platform === 'ios' || platform === 'android') && scheme !== undefined && !NOT_OF_AN_APP.has(scheme);
  if (deepLink ? URL.parse(url) === null : !isSafeWebUrl(url)) {
    throw refuse(
      'must be an https URL; http is for localhost only, and a scheme of an app only for the platforms ios and android',
    );
  }
  assertSettings(platform, settings, `${at}settings`);
}

function assertSettings(platform: RedirectUri['platform'], settings: RedirectUriSettings, at: string): void {
  const need = (name: keyof RedirectUriSettings, fine: (value: string) => boolean, what: string) => {
    const value = settings[name];
    if (!value) throw invalidRequest(`${at}.${name}`, `is required for the platform ${platform}`);
    if (!fine(value)) throw invalidRequest(`${at}.${name}`, `must be ${what}`);
  };
  if (platform === 'js') need('origin', isOrigin, 'an origin such as https://app.example.com');
  if (platform === 'ios')
    need('bundle_id', (id) => /^[\w.-]+$/.test(id), 'a bundle id such as com.example.app');
  if (platform === 'android') {
    need('package_name', (name) => /^[\w.]+$/.test(name), 'a package name such as com.example.app');
    need(
      'sha1_certificate_fingerprint',
      (print) => /^([0-9a-f]{2}:?){19}[0-9a-f]{2}$/i.test(print),
      'a SHA-1 digest: 20 bytes in hex',
    );
  }
}
