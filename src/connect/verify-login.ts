import { ApiError, invalidRequest } from '../platform/errors.ts';
import type { ImapSecret, ImapSettings } from '../providers/imap/settings.ts';
import { type Account, ProviderError } from '../providers/provider.ts';
import type { ConnectContext } from './context.ts';

/** Both logins together, in ms. Clients wait 90 s for an answer. */
const VERIFY_LIMIT_MS = 45_000;
/** After SMTP has refused, IMAP may take this much longer to say its word, in ms. */
const IMAP_GRACE_MS = 3_000;
/** A name that does not exist is the user's to correct; any other trouble with DNS may pass. */
const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'ENONAME']);

type Protocol = 'imap' | 'smtp';

/** Logs in at the IMAP and, if there is one, the SMTP server, at the same time. Throws an ApiError with the server's own words. */
export async function verifyLogins(
  ctx: Pick<ConnectContext, 'egress' | 'imap'>,
  account: Account<ImapSettings, ImapSecret>,
): Promise<void> {
  const { settings } = account;
  await assertPlainTextAllowed(ctx, 'imap', settings.imap_host, settings.imap_security);
  if (settings.smtp_host)
    await assertPlainTextAllowed(ctx, 'smtp', settings.smtp_host, settings.smtp_security);

  // One refusal ends the other attempt: a wrong password is tried as seldom as can be. But what IMAP says comes first,
  // since without it there is no mailbox: it gets a moment more.
  const ended = new AbortController();
  let grace: NodeJS.Timeout | undefined;
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(VERIFY_LIMIT_MS)]);
  const attempt = async (protocol: Protocol, login: Promise<void>) => {
    try {
      await login;
    } catch (error) {
      const failure = toApiError(protocol, settings, error);
      if (protocol === 'imap') ended.abort(failure);
      else grace = setTimeout(() => ended.abort(failure), IMAP_GRACE_MS);
      throw failure;
    }
  };
  const logins = [attempt('imap', ctx.imap.verifyImap(account, signal))];
  if (settings.smtp_host) logins.push(attempt('smtp', ctx.imap.verifySmtp(account, signal)));
  const failed = (await Promise.allSettled(logins)).flatMap((r) =>
    r.status === 'rejected' ? [r.reason] : [],
  );
  clearTimeout(grace);
  if (failed.length > 0) throw ended.signal.reason ?? failed[0];
}

/** Plain text only towards loopback and private hosts that the operator opened (rule 35). */
async function assertPlainTextAllowed(
  ctx: Pick<ConnectContext, 'egress'>,
  protocol: Protocol,
  host: string,
  security: string | undefined,
): Promise<void> {
  if (security !== 'none') return;
  if (!ctx.egress.allowPrivateNetworks) throw plainTextRefused(protocol);
  try {
    await ctx.egress.resolve(host, { plainText: true });
  } catch (error) {
    throw error instanceof ProviderError ? fromProvider(protocol, host, error) : error;
  }
}

function plainTextRefused(protocol: Protocol): ApiError {
  return invalidRequest(
    `settings.${protocol}_security`,
    'none (plain text) is only for hosts in loopback or private networks, and only when the operator of this server allows those with MAILQUAY_ALLOW_PRIVATE_NETWORKS=true; use tls or starttls',
  );
}

function toApiError(protocol: Protocol, settings: ImapSettings, error: unknown): unknown {
  const host = protocol === 'imap' ? settings.imap_host : (settings.smtp_host ?? '');
  if (error instanceof ProviderError) return fromProvider(protocol, host, error);
  if ((error as Error | undefined)?.name === 'TimeoutError') {
    return fromProvider(
      protocol,
      host,
      new ProviderError('network', 'It did not answer in time.', { code: 'ETIMEDOUT' }),
    );
  }
  return error;
}

function fromProvider(protocol: Protocol, host: string, error: ProviderError): ApiError {
  const server = `The ${protocol.toUpperCase()} server ${shown(host)}`;
  const field = `settings.${protocol}_host`;
  const words = error.response ?? error.message;
  const providerError = {
    type: protocol,
    kind: error.kind,
    ...(error.code && { code: error.code }),
    ...(error.response && { response: error.response }),
    message: words,
  };
  const options = { field, providerError, cause: error };
  switch (error.kind) {
    case 'authentication':
      return new ApiError('grant.invalid_authentication', `${server} refused the login: ${words}`, {
        ...options,
        field: `settings.${protocol}_password`,
      });
    case 'forbidden_host':
      if (error.code === 'EPLAINTEXT') return plainTextRefused(protocol);
      return new ApiError('api.invalid_request_error', `${field}: ${error.message}`, { field, cause: error });
    case 'tls':
      return new ApiError(
        'api.invalid_request_error',
        `${field}: no trusted TLS connection could be made to ${shown(host)} (check host, port and ${protocol}_security): ${words}`,
        options,
      );
    case 'busy':
      return new ApiError('api.provider_error', `${server} asks to try again later: ${words}`, {
        ...options,
        status: 503,
        retryAfterSeconds: error.retryAfterSeconds ?? 60,
      });
    case 'network':
      if (error.code && NO_SUCH_NAME.has(error.code)) {
        return new ApiError('api.invalid_request_error', `${field}: ${error.message}`, options);
      }
      return new ApiError(
        'api.provider_error',
        `${server} could not be reached (${field}): ${words}`,
        options,
      );
    default:
      return new ApiError(
        'api.provider_error',
        `${server} did not behave like one (check host, port and ${protocol}_security): ${words}`,
        options,
      );
  }
}

function shown(host: string): string {
  return host.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
