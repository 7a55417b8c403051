import { faultPoint } from '../platform/fault-point.ts';
import {
  insertLanded,
  type LandedCopy,
  lockGrant,
  nextChangeIds,
  noteChange,
  setMetadata,
} from '../store/changes.ts';
import { removeLocations, updateFlags } from '../store/locations.ts';
import type { Scope } from '../store/scope.ts';
import { deleteWhatIsNowhere } from '../sync/apply-gone.ts';
import { inTransaction, type StoreWriter } from '../sync/transaction.ts';
import type { ChangeContext } from './context.ts';
import type { Performed } from './perform.ts';

/** UIDVALIDITY of a copy whose true place the server has not told. */
const UNKNOWN_VALIDITY = 0;

/** A writer beside the sync: it waits until the sync's transaction is over, and the sync waits for its own. */
export function changeWriter(ctx: ChangeContext, scope: Scope): StoreWriter {
  return {
    scope,
    clock: ctx.clock,
    transact: (work) =>
      ctx.db.tenant(scope.applicationId, async (sql) => {
        await lockGrant(sql, scope);
        return work(sql);
      }),
  };
}

/**
 * Writes what the provider has accepted into the store, with its events, in one transaction. What the sync has seen
 * already makes no second event; what it will see later makes none either, because the store knows it.
 */
export async function recordChange(
  ctx: ChangeContext,
  scope: Scope,
  messageIds: string[],
  performed: Performed,
  metadata: Record<string, string> | null,
): Promise<void> {
  await inTransaction(changeWriter(ctx, scope), async (sql, changes) => {
    const now = ctx.clock();
    // One for the change, and one for each copy of which only the sync will learn where it lies.
    const [changeId = 0, ...places] = await nextChangeIds(sql, 1 + performed.landed.length);
    const byFolder = Map.groupBy(performed.flags, ({ copy }) => `${copy.folderId}\0${copy.uidValidity}`);
    for (const group of byFolder.values()) {
      const { folderId, uidValidity } = group[0]!.copy;
      const rows = group.map(({ copy, flags }) => ({ uid: copy.uid, ...flags }));
      const updated = await updateFlags(sql, scope, folderId, uidValidity, rows, changeId);
      changes.count(folderId, 0, updated.unread);
      for (const id of updated.messageIds) changes.messages.add(id);
    }
    await noteChange(
      sql,
      scope,
      performed.flags.map(({ copy }) => copy),
      changeId,
    );
    const flagsOf = new Map(performed.flags.map(({ copy, flags }) => [copy, flags]));
    const landed = performed.landed.map(({ copy, folderId, uidValidity, uid }, i): LandedCopy => {
      const { messageId, date } = copy;
      const known = uidValidity !== null && uid !== null;
      return {
        messageId,
        folderId,
        uidValidity: known ? uidValidity : UNKNOWN_VALIDITY,
        uid: known ? uid : (places[i] as number),
        ...flagsOf.get(copy)!,
        date,
        provisional: !known,
      };
    });
    for (const added of await insertLanded(sql, scope, landed, changeId, now)) {
      changes.count(added.folderId, 1, added.seen ? 0 : 1);
      changes.messages.add(added.messageId);
    }
    changes.removed(await removeLocations(sql, scope, performed.left));
    await deleteWhatIsNowhere(sql, scope, [...new Set(performed.left.map((c) => c.messageId))], changes);
    if (metadata) await setMetadata(sql, scope, messageIds, metadata, now);
    await faultPoint('change.before_commit');
  });
  await faultPoint('change.after_commit');
}
