import { ProviderError, type ProviderErrorKind } from '../provider.ts';

interface SmtpFailure {
  message?: string;
  code?: string;
  response?: string | false;
  responseCode?: number;
  /** The code of the system or TLS error behind nodemailer's own. */
  originalCode?: string;
}

/** Replies to AUTH that speak of how it was asked, not of the password (RFC 4954 section 6, RFC 5321). */
const NOT_ABOUT_THE_PASSWORD = new Set([500, 501, 502, 503, 504, 530, 538]);
/** Longest piece of a server's text that is passed on. */
const MAX_RESPONSE_CHARS = 1_000;

/** Turns whatever nodemailer throws into a {@link ProviderError}; ProviderErrors pass through. */
export function toSmtpProviderError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const failure = (error ?? {}) as SmtpFailure;
  const response = (failure.response || undefined)?.slice(0, MAX_RESPONSE_CHARS);
  return new ProviderError(kindOf(failure), response ?? failure.message ?? 'unknown error', {
    response,
    code: failure.originalCode ?? failure.code,
    cause: error,
  });
}

function kindOf(failure: SmtpFailure): ProviderErrorKind {
  const reply = failure.responseCode ?? 0;
  // A 4xx asks for patience: a password store that is down says nothing about the password.
  if (reply >= 400 && reply < 500) return 'busy';
  if (failure.code === 'EAUTH') {
    return reply >= 500 && !NOT_ABOUT_THE_PASSWORD.has(reply) ? 'authentication' : 'protocol';
  }
  if (failure.code === 'ETLS' || isTls(failure)) return 'tls';
  return failure.code === 'EPROTOCOL' || reply >= 500 ? 'protocol' : 'network';
}

function isTls(failure: SmtpFailure): boolean {
  const text = `${failure.originalCode ?? ''} ${failure.code ?? ''} ${failure.message ?? ''}`;
  return /ERR_TLS|ERR_SSL|CERT_|SELF_SIGNED|UNABLE_TO_|EPROTO\b|self-signed certificate|certificate|SSL routines/i.test(
    text,
  );
}
