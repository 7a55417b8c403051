import type { RemoteMessage } from '../providers/provider.ts';
import type { Arrival } from './apply.ts';
import type { SyncContext } from './context.ts';
import { storeRawCopies } from './raw-copies.ts';

/** Keeps raw copies and parses, off the event loop. */
export async function prepare(ctx: SyncContext, messages: RemoteMessage[]): Promise<Arrival[]> {
  const raws = messages.map((m) => m.raw);
  const whole = messages.map((m) => (m.truncated ? Buffer.alloc(0) : m.raw));
  const [mails, copies] = await Promise.all([
    ctx.parser.prepare(raws),
    storeRawCopies(
      ctx.blobs,
      ctx.writer.scope.grantId,
      whole,
      ctx.writer.clock(),
      ctx.rawRetentionDays,
      (error) =>
        ctx.log.warn({ code: (error as NodeJS.ErrnoException).code }, 'raw copies could not be stored'),
    ),
  ]);
  return messages.map((message, i): Arrival => {
    const mail = mails[i];
    if (!mail) throw new Error('a mail was lost on its way through the parser');
    if (message.truncated) mail.parseError = [message.truncated, mail.parseError].filter(Boolean).join(', ');
    return {
      uid: message.uid,
      flags: message.flags,
      remoteId: message.remoteId,
      internalDate: message.internalDate,
      mail,
      raw: message.truncated ? null : (copies?.at(i) ?? null),
    };
  });
}
