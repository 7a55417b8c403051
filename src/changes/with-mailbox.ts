import { notFound } from '../platform/errors.ts';
import { providerFailure } from '../platform/provider-failure.ts';
import type { Mailbox } from '../providers/provider.ts';
import { ProviderError } from '../providers/provider.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';

/** A whole change at the provider may take this long, in ms; below the 90 s after which the SDK hangs up. */
const CHANGE_TIMEOUT_MS = 80_000;

/** Works with the grant's mailbox for one change; what the provider refuses becomes the caller's error. */
export async function withMailbox<T>(
  ctx: ChangeContext,
  scope: Scope,
  work: (mailbox: Mailbox, signal: AbortSignal) => Promise<T>,
  timeoutMs: number = CHANGE_TIMEOUT_MS,
): Promise<T> {
  const opened = await ctx.mailbox(scope);
  if (!opened) throw notFound();
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await work(opened.mailbox, signal);
  } catch (error) {
    if (signal.aborted) {
      throw providerFailure(
        new ProviderError('network', `The provider did not finish in ${timeoutMs / 1000} s.`),
      );
    }
    throw error instanceof ProviderError ? providerFailure(error) : error;
  } finally {
    await opened.release();
  }
}
