import { notFound } from '../platform/errors.ts';
import { providerFailure } from '../platform/provider-failure.ts';
import { type Mailbox, ProviderError } from './provider.ts';

/** A connection that breaks is replaced so often: servers hang up on who has a folder open that another deletes. */
const MAX_TRIES = 3;

/** A mailbox that is somebody's for a while; `release` gives it back. */
export interface LentMailbox {
  mailbox: Mailbox;
  release: () => Promise<void>;
}

/** How a mailbox is worked with for one request. */
export interface MailboxUse {
  /** All of it may take this long, in ms. */
  timeoutMs: number;
  /** Done twice it is as done once, so that it may be tried again when a connection broke in the middle. */
  repeatable: boolean;
  /** What to do when it takes too long, for the caller to read. */
  advice?: string;
}

/**
 * Works with a grant's mailbox for one request. A connection that turns out to be dead is replaced; what the provider
 * refuses, and a time that is over, becomes the caller's error. `open` says null when the grant is gone: a 404.
 */
export async function withMailbox<T>(
  open: () => Promise<LentMailbox | null>,
  work: (mailbox: Mailbox, signal: AbortSignal) => Promise<T>,
  { timeoutMs, repeatable, advice }: MailboxUse,
): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  for (let tries = 1; ; tries += 1) {
    const opened = await open();
    if (!opened) throw notFound();
    try {
      return await work(opened.mailbox, signal);
    } catch (error) {
      if (signal.aborted) {
        const late = `The provider did not finish in ${Math.round(timeoutMs / 1000)} s.${advice ? ` ${advice}` : ''}`;
        throw providerFailure(new ProviderError('network', late));
      }
      if (!(error instanceof ProviderError)) throw error;
      if (!mayTryAgain(error, tries, repeatable)) throw providerFailure(error);
    } finally {
      await opened.release();
    }
  }
}

/**
 * Whether to try once more after so many tries: when a connection broke. Unless that was before anything was sent, only
 * what is repeatable is tried again.
 */
export function mayTryAgain({ kind, code }: ProviderError, tries: number, repeatable: boolean): boolean {
  if (tries >= MAX_TRIES || kind !== 'network' || code === 'ETIMEDOUT') return false;
  return code === 'NoConnection' || (repeatable && code !== 'ECONNREFUSED');
}
