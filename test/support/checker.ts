/**
 * An independent checker: compares what mailquay stores and shows of a mailbox with what Dovecot itself says.
 * It shares no code with the sync.
 */
import { compare, type Snapshot } from './checker/compare.ts';
import type { Checked } from './checker/copy.ts';
import { eventsOf } from './checker/stored.ts';
import { eventually } from './mailquay.ts';

/** Waits until store, API and events agree with Dovecot; throws the list of differences when they do not in time. */
export async function expectInStep(
  checked: Checked,
  options: { since?: Snapshot; ms?: number } = {},
): Promise<void> {
  await eventually(async () => {
    const differences = await compare(checked, options.since ?? null);
    if (differences.length > 0)
      throw new Error(
        `${differences.length} differences from Dovecot:\n${differences.slice(0, 20).join('\n')}`,
      );
  }, options.ms ?? 40_000);
}

/** Takes a snapshot; call it when the mailbox is in step and nothing changes. */
export async function snapshot(checked: Checked): Promise<Snapshot> {
  const { mailquay, grantId } = checked;
  const rows = await mailquay.sql<{ id: string }>('SELECT id FROM messages WHERE grant_id = $1', [grantId]);
  return { ids: new Set(rows.map((row) => row.id)), events: (await eventsOf(checked, 'message.%')).length };
}
