import { randomUUID } from 'node:crypto';
import { ApiError } from '../platform/errors.ts';
import { holdMessages, releaseMessages } from '../store/change-holds.ts';
import type { Scope } from '../store/scope.ts';
import type { ChangeContext } from './context.ts';

/** A hold ends by itself after this long, in ms: longer than a change and its undoing may take, so only a dead holder's does. */
const HOLD_MS = 120_000;
/** Who waits for another change asks this often, this long, in ms. */
const WAIT_STEP_MS = 30;
const MAX_WAIT_MS = 40_000;

/**
 * Changes messages while nobody else does, in any process: two changes at once would each read what the other is about
 * to change, and one of them would be lost although both were accepted.
 */
export async function whileHolding<T>(
  ctx: ChangeContext,
  scope: Scope,
  messageIds: string[],
  work: () => Promise<T>,
): Promise<T> {
  const holder = randomUUID();
  await takeHold(ctx, scope, messageIds, holder);
  try {
    return await work();
  } finally {
    await ctx.db.tenant(scope.applicationId, (sql) => releaseMessages(sql, scope, holder));
  }
}

async function takeHold(
  ctx: ChangeContext,
  scope: Scope,
  messageIds: string[],
  holder: string,
): Promise<void> {
  for (const start = performance.now(); performance.now() - start < MAX_WAIT_MS; ) {
    const now = ctx.clock();
    const until = new Date(now.getTime() + HOLD_MS);
    const held = await ctx.db.tenant(scope.applicationId, (sql) =>
      holdMessages(sql, scope, messageIds, holder, now, until),
    );
    if (held) return;
    await new Promise((resolve) => setTimeout(resolve, WAIT_STEP_MS));
  }
  throw new ApiError('api.unavailable', 'Other changes of this message are not done yet.', {
    retryAfterSeconds: 10,
  });
}
