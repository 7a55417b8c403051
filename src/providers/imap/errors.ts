import { ProviderError, type ProviderErrorKind } from '../provider.ts';

interface ImapFailure {
  message?: string;
  code?: string;
  authenticationFailed?: boolean;
  responseStatus?: string;
  responseText?: string;
  serverResponseCode?: string;
  executedCommand?: string;
  throttleReset?: number;
  response?: { attributes?: { section?: { value?: unknown }[] }[] };
  library?: string;
  reason?: string;
}

/** Response codes with which a server asks for patience (RFC 5530, RFC 9051, and Microsoft's and Google's THROTTLED). */
const BUSY_CODES = new Set([
  'THROTTLED',
  'UNAVAILABLE',
  'INUSE',
  'OVERQUOTA',
  'LIMIT',
  'SERVERBUG',
  'CONTACTADMIN',
]);
/** Response codes of a refused login (RFC 5530). */
const LOGIN_CODES = new Set([
  'AUTHENTICATIONFAILED',
  'AUTHORIZATIONFAILED',
  'EXPIRED',
  'PRIVACYREQUIRED',
  'NOPERM',
]);
/** What servers say when a login is refused for another reason than the password; by words, where there is no code. */
const TRANSIENT_WORDS =
  /temporar|again later|too many|too busy|overload|maximum number|(limit|quota) (reached|exceeded)|exceeded|unavailable|not available|internal error|server error|system error|backend|timed? ?out|maintenance|concurrent|simultaneous|in use|locked by/i;
/** Longest piece of a server's text that is passed on. */
const MAX_RESPONSE_CHARS = 1_000;

/** Turns whatever imapflow throws into a {@link ProviderError}; ProviderErrors and aborts pass through. */
export function toProviderError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const failure = (error ?? {}) as ImapFailure;
  const code = responseCode(failure) || failure.code;
  const response = failure.responseText?.slice(0, MAX_RESPONSE_CHARS) || undefined;
  const kind = kindOf(failure, code);
  const words = response ?? plainWords(failure);
  return new ProviderError(kind, words, {
    response,
    code,
    vague: kind === 'authentication' && !(code && LOGIN_CODES.has(code)),
    retryAfterSeconds: failure.throttleReset ? Math.ceil(failure.throttleReset / 1000) : undefined,
    cause: error,
  });
}

/** What OpenSSL says of a port without TLS says nothing to a person. */
function plainWords(failure: ImapFailure): string {
  const { message = 'unknown error' } = failure;
  if (/wrong version number|packet length too long/i.test(message))
    return 'The server does not speak TLS on this port; try starttls, or another port.';
  // Advice of the runtime is for who runs it.
  return message.replace(/; if the root CA is installed locally.*$/s, '');
}

/** The code in brackets; the library names it for a login only, so for other commands it is read from the answer. */
function responseCode(failure: ImapFailure): string | undefined {
  const inAnswer = failure.response?.attributes?.[0]?.section?.[0]?.value;
  const code = failure.serverResponseCode ?? (typeof inAnswer === 'string' ? inAnswer : undefined);
  return code?.toUpperCase();
}

function kindOf(failure: ImapFailure, code: string | undefined): ProviderErrorKind {
  if (failure.code === 'ETHROTTLE' || (code && BUSY_CODES.has(code))) return 'busy';
  if (code === 'NONEXISTENT' || code === 'TRYCREATE' || failure.code === 'NotFound') return 'no_folder';
  if (code === 'ALREADYEXISTS') return 'exists';
  if (failure.authenticationFailed) {
    // A refused login is one that the server answered with NO. Anything else (a dropped connection, BAD,
    // "login disabled") says nothing about the password.
    if (code && LOGIN_CODES.has(code)) return 'authentication';
    if (failure.responseStatus !== 'NO') return 'protocol';
    return TRANSIENT_WORDS.test(failure.responseText ?? '') ? 'busy' : 'authentication';
  }
  if (isTls(failure)) return 'tls';
  if (failure.responseStatus === 'NO' || failure.responseStatus === 'BAD') return 'protocol';
  if (code?.startsWith('Parser') || code === 'TooManyTokens' || code === 'LineTooLarge') return 'protocol';
  if (code === 'LiteralTooLarge' || code === 'ResponseTooLarge' || code === 'UnexpectedTag')
    return 'protocol';
  return 'network';
}

function isTls(failure: ImapFailure): boolean {
  const code = failure.code ?? '';
  return (
    code.startsWith('ERR_TLS') ||
    code.startsWith('ERR_SSL') ||
    code.startsWith('CERT_') ||
    code === 'DEPTH_ZERO_SELF_SIGNED_CERT' ||
    code === 'SELF_SIGNED_CERT_IN_CHAIN' ||
    code.startsWith('UNABLE_TO_') ||
    code === 'STARTTLS_INJECTION' ||
    code === 'UPGRADE_TIMEOUT' ||
    code === 'EPROTO' ||
    failure.message === 'Server does not support STARTTLS'
  );
}
