import { notFound } from '../platform/errors.ts';
import { providerFailure } from '../platform/provider-failure.ts';
import type { Mailbox } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';

/** A whole change at the provider may take this long, in ms; below the 90 s after which the SDK hangs up. */
const CHANGE_TIMEOUT_MS = 80_000;

/** A connection that breaks is replaced so often: servers hang up on who has a folder open that another deletes. */
const MAX_TRIES = 3;

/** How one change is made. */
interface HowToChange {
  timeoutMs?: number;
  /** Done twice it is as done once, so that it may be tried again when a connection broke in the middle. */
  repeatable: boolean;
}

/** Works with the grant's mailbox for one change; what the provider refuses becomes the caller's error. */
export async function withMailbox<T>(
  ctx: ChangeContext,
  scope: Scope,
  work: (mailbox: Mailbox, signal: AbortSignal) => Promise<T>,
  { timeoutMs = CHANGE_TIMEOUT_MS, repeatable }: HowToChange,
): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  for (let tries = 1; ; tries += 1) {
    const opened = await ctx.mailbox(scope);
    if (!opened) throw notFound();
    try {
      return await work(opened.mailbox, signal);
    } catch (error) {
      if (signal.aborted) {
        throw providerFailure(
          new ProviderError('network', `The provider did not finish in ${timeoutMs / 1000} s.`),
        );
      }
      if (!(error instanceof ProviderError)) throw error;
      if (tries >= MAX_TRIES || !mayTryAgain(error, repeatable)) throw providerFailure(error);
    } finally {
      await opened.release();
    }
  }
}

/** Whether a connection broke; unless that was before anything was sent, only what is repeatable is tried again. */
function mayTryAgain({ kind, code }: ProviderError, repeatable: boolean): boolean {
  if (kind !== 'network' || code === 'ETIMEDOUT') return false;
  return code === 'NoConnection' || (repeatable && code !== 'ECONNREFUSED');
}
