import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Security } from '../imap/settings.ts';
import { ProviderError } from '../provider.ts';
import { toSmtpProviderError } from './errors.ts';

/** A submission server, and how to enter it. */
export interface SmtpLogin {
  host: string;
  port: number;
  security: Security;
  username: string;
  password: string;
}

/** The addresses that may be dialled for a host. */
interface Dialer {
  resolve(host: string): Promise<{ address: string; servername: string | undefined }[]>;
}

/** TCP and TLS, and then the greeting, in ms. Some servers keep clients waiting for it on purpose. */
const CONNECT_TIMEOUT_MS = 15_000;
/** From the first packet to the answer to AUTH, in ms, whatever drips in between. */
const LOGIN_TIMEOUT_MS = 30_000;
const SOCKET_TIMEOUT_MS = 20_000;

/**
 * Logs in at an SMTP server and leaves. A server that offers no AUTH wants no login, and has none refused.
 * Throws a {@link ProviderError} with the server's words.
 */
export async function verifySmtpLogin(login: SmtpLogin, dialer: Dialer, signal: AbortSignal): Promise<void> {
  let lastError: unknown;
  for (const { address, servername } of await dialer.resolve(login.host)) {
    signal.throwIfAborted();
    try {
      await attempt(login, address, servername, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      const failure = toSmtpProviderError(error);
      // Another address of the same host may answer; a refusal by the server is final.
      if (failure.kind !== 'network') throw failure;
      lastError = failure;
    }
  }
  throw lastError ?? new ProviderError('network', `No address of ${login.host} could be dialled.`);
}

async function attempt(
  login: SmtpLogin,
  address: string,
  servername: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const connection = new SMTPConnection({
    host: address,
    port: login.port,
    secure: login.security === 'tls',
    requireTLS: login.security === 'starttls',
    ignoreTLS: login.security === 'none',
    servername,
    tls: { servername, minVersion: 'TLSv1.2' },
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    socketCloseTimeout: 0,
    // An address is dialled, not a name: the check that was made holds for it, private or not.
    allowInternalNetworkInterfaces: true,
    logger: false,
  });
  const limit = AbortSignal.timeout(LOGIN_TIMEOUT_MS);
  let onEnd: (() => void) | undefined;
  const ended = new Promise<never>((_, reject) => {
    connection.on('error', reject);
    // What the server said last comes with the failure of the login, a moment after the end.
    connection.on('end', () => setImmediate(reject, closed()));
    onEnd = () =>
      reject(
        signal.aborted
          ? signal.reason
          : new ProviderError(
              'network',
              `The server did not finish the login in ${LOGIN_TIMEOUT_MS / 1000} s.`,
              {
                code: 'ETIMEDOUT',
              },
            ),
      );
    signal.addEventListener('abort', onEnd);
    limit.addEventListener('abort', onEnd);
  });
  ended.catch(() => {});
  try {
    await Promise.race([ended, handshake(connection, login)]);
  } finally {
    if (onEnd) {
      signal.removeEventListener('abort', onEnd);
      limit.removeEventListener('abort', onEnd);
    }
    connection.close();
  }
}

async function handshake(connection: SMTPConnection, login: SmtpLogin): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    connection.connect((error?: Error | null) => (error ? reject(error) : resolve()));
  });
  if (!connection.allowsAuth) return;
  await new Promise<void>((resolve, reject) => {
    connection.login({ credentials: { user: login.username, pass: login.password } }, (error) =>
      error ? reject(error) : resolve(),
    );
  });
}

function closed(): ProviderError {
  return new ProviderError('network', 'The server closed the connection.', { code: 'ECONNECTION' });
}
