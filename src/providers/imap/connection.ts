import { ImapFlow } from 'imapflow';
import type { Account } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { toProviderError } from './errors.ts';
import type { ImapSecret, ImapSettings } from './settings.ts';

/** What a provider needs from outside to dial a host that a user named. */
export interface Dialer {
  /** The addresses that may be dialled for a host; throws ProviderError when there is none. */
  resolve(
    host: string,
    options?: { plainText?: boolean },
  ): Promise<{ address: string; servername: string | undefined }[]>;
}

/** How long a server may take, in ms. Tests use shorter ones. */
export interface ImapTimings {
  /** TCP, TLS and greeting together. */
  connect: number;
  /** Connection and login: some servers take 5 s to answer a wrong password. */
  login: number;
  /** A connection on which nothing moves is dead after this long; in IDLE after twice this, since it is asked first. */
  socket: number;
  /** IDLE is renewed this often: a dead socket is noticed by the DONE that gets no answer. RFC 2177 allows 29 min. */
  idleRenewal: number;
  /** A short command, such as STATUS, NOOP or NOTIFY. */
  command: number;
  /** SELECT of a large folder that the server has to index first. */
  select: number;
  /** A listing of thousands of folders with their STATUS. */
  list: number;
  /** A command over a whole folder of a million messages. */
  scan: number;
  /** A fetch of bodies: this long, and longer by its size at the slowest rate that is still progress. */
  fetch: number;
  /** A work connection that nobody uses is closed after this long. */
  workIdle: number;
  /** When the server allows too few connections for watching, it is tried again after this long. */
  watchAgain: number;
}

/** A dead connection is noticed within 3 minutes, in IDLE too. */
export const DEFAULT_IMAP_TIMINGS: ImapTimings = {
  connect: 15_000,
  login: 30_000,
  socket: 60_000,
  idleRenewal: 2 * 60_000,
  command: 60_000,
  select: 2 * 60_000,
  list: 5 * 60_000,
  scan: 10 * 60_000,
  fetch: 60_000,
  workIdle: 20_000,
  watchAgain: 10 * 60_000,
};

/** The largest mail that is read whole, in bytes; of a larger one only the headers. */
export const MAX_MESSAGE_BYTES = 160 * 1024 * 1024;

export interface ClientOptions {
  /** Asks for QRESYNC, so that vanished messages are told by UID. */
  qresync?: boolean;
  timings?: ImapTimings;
}

/**
 * Opens one logged-in IMAP connection to the very address that the dialler allowed, or throws a
 * {@link ProviderError}. The caller closes it.
 */
export async function connect(
  account: Account<ImapSettings, ImapSecret>,
  dialer: Dialer,
  signal: AbortSignal,
  options: ClientOptions = {},
): Promise<ImapFlow> {
  const { settings, secret } = account;
  const timings = options.timings ?? DEFAULT_IMAP_TIMINGS;
  const addresses = await dialer.resolve(settings.imap_host, {
    // Passwords go in plain text to private addresses only, whatever DNS says by now.
    plainText: settings.imap_security === 'none',
  });
  let lastError: unknown;
  for (const { address, servername } of addresses) {
    signal.throwIfAborted();
    const client = new ImapFlow({
      host: address,
      port: settings.imap_port,
      secure: settings.imap_security === 'tls',
      doSTARTTLS: settings.imap_security === 'tls' ? undefined : settings.imap_security === 'starttls',
      // Without a name (an IP literal) the certificate is checked against the address.
      servername,
      tls: { servername, minVersion: 'TLSv1.2' },
      auth: { user: settings.imap_username, pass: secret.imap_password },
      clientInfo: { name: 'mailquay' },
      logger: false,
      disableAutoIdle: true,
      disableBinary: true,
      qresync: options.qresync ?? true,
      maxIdleTime: timings.idleRenewal,
      connectionTimeout: timings.connect,
      greetingTimeout: timings.connect,
      socketTimeout: timings.socket,
      maxLiteralSize: MAX_MESSAGE_BYTES,
      maxResponseSize: MAX_MESSAGE_BYTES + 1024 * 1024,
    });
    // Errors also reject the command in flight; without a listener they would end the process.
    client.on('error', () => {});
    boundVanished(client);
    const preauth = refusePreauth(client);
    try {
      await withDeadline(client, timings.login, signal, 'connect and log in', () => client.connect());
      return client;
    } catch (error) {
      client.close();
      const failure = toProviderError(preauth.error ?? error);
      // Another address of the same host may answer; a refusal by the server is final.
      if (failure.kind !== 'network') throw failure;
      lastError = failure;
    }
  }
  throw lastError ?? new ProviderError('network', `No address of ${settings.imap_host} could be dialled.`);
}

/** A connection that the server ended, with its words if it said BYE. */
export function closedByServer(client: ImapFlow): ProviderError {
  return new ProviderError('network', client.byeReason || 'The server closed the connection.');
}

/** The library rejects what waits on a connection that closes, in words of its own; it is given this long for it, in ms. */
const CLOSE_GRACE_MS = 50;

/**
 * Runs one command with a wall-clock limit of our own: imapflow's socket timeout does not fire while
 * bytes keep dripping. On timeout or abort the connection is closed, since its state is unknown. When it closes, the
 * command has failed: one that the library was about to send at that moment it would let wait for ever.
 */
export async function withDeadline<T>(
  client: ImapFlow,
  ms: number,
  signal: AbortSignal,
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  if ((client as unknown as ImapHooks).isClosed)
    throw new ProviderError('network', 'The connection is closed.', { code: 'NoConnection' });
  let timer: NodeJS.Timeout | undefined;
  let grace: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  let onClose: (() => void) | undefined;
  const ended = new Promise<never>((_, reject) => {
    const end = (error: unknown) => {
      client.close();
      reject(error);
    };
    timer = setTimeout(
      () =>
        end(
          new ProviderError('network', `The server did not finish in ${ms / 1000} s: ${what}.`, {
            code: 'ETIMEDOUT',
          }),
        ),
      ms,
    );
    onAbort = () => end(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    onClose = () => {
      const error = closedByServer(client);
      grace = setTimeout(() => reject(error), CLOSE_GRACE_MS);
    };
    client.once('close', onClose);
  });
  ended.catch(() => {});
  try {
    return await Promise.race([work(), ended]);
  } catch (error) {
    signal.throwIfAborted();
    throw toProviderError(error);
  } finally {
    clearTimeout(timer);
    clearTimeout(grace);
    if (onClose) client.off('close', onClose);
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

/** An inclusive range of UIDs that the server says are gone. */
export interface UidRange {
  from: number;
  to: number;
}

export interface UntaggedResponse {
  command: string;
  attributes?: { type?: string; value?: unknown; section?: { value?: unknown }[] }[];
  /** Instead of attributes, for a SEARCH answer of plain numbers. */
  numbers?: number[];
}

/** The part of imapflow's connection that we hook into. */
export interface ImapHooks {
  isClosed: boolean;
  untaggedHandlers: Record<string, ((untagged: UntaggedResponse) => Promise<void>) | null>;
  exec(
    command: string,
    attributes: unknown[] | false,
    options?: { untagged?: Record<string, (untagged: UntaggedResponse) => Promise<void>> },
  ): Promise<{ next(): void; response: UntaggedResponse }>;
  untaggedVanished(untagged: UntaggedResponse, mailbox?: unknown): Promise<void>;
  initialPREAUTH(): Promise<void>;
  /** Ends an IDLE that is under way; false when there is none. */
  preCheck: (() => Promise<void>) | false;
}

/** Rejects when the connection ends, with the error that ended it. */
export function connectionEnd(client: ImapFlow): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    let cause: unknown;
    client.on('error', (error: unknown) => {
      cause = error;
    });
    client.on('close', () => reject(cause ? toProviderError(cause) : closedByServer(client)));
  });
  broken.catch(() => {});
  return broken;
}

/** Ends a session that a server opens without a login: nobody has told it whose mailbox this is. */
function refusePreauth(client: ImapFlow): { error: ProviderError | null } {
  const refused: { error: ProviderError | null } = { error: null };
  (client as unknown as ImapHooks).initialPREAUTH = async () => {
    refused.error = new ProviderError('protocol', 'The server did not ask for a login (PREAUTH).', {
      code: 'PREAUTH',
    });
    client.close();
  };
  return refused;
}

/** Most ranges that are kept between two looks; more than that means "compare everything". */
export const MAX_VANISHED_RANGES = 10_000;

/**
 * Replaces imapflow's walk over each vanished UID, which one hostile `VANISHED 1:4294967295` keeps busy
 * for seconds: ranges are kept as ranges and become a single 'vanished' event.
 */
function boundVanished(client: ImapFlow): void {
  const hooks = client as unknown as ImapHooks;
  hooks.untaggedVanished = async (untagged) => {
    const set = untagged.attributes?.findLast((a) => typeof a?.value === 'string')?.value;
    if (typeof set !== 'string') return;
    client.emit('vanished', parseUidSet(set));
  };
  hooks.untaggedHandlers.VANISHED = (untagged) => hooks.untaggedVanished(untagged);
}

/** Parses a UID set such as `1:5,9`; bad members are left out, order is kept. */
export function parseUidSet(set: string): UidRange[] {
  const ranges: UidRange[] = [];
  for (const part of set.split(',', MAX_VANISHED_RANGES)) {
    const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(part);
    if (!match) continue;
    const a = Number(match[1]);
    const b = Number(match[2] ?? match[1]);
    ranges.push({ from: Math.min(a, b), to: Math.max(a, b) });
  }
  return ranges;
}
