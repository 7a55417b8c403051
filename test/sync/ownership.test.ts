/** SY18, SY25: one owner at a time, whose late writes are refused; and nothing is written for a grant that was deleted. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { composeServices, type Services } from '../../src/cli/service.ts';
import { LeaseLostError } from '../../src/store/leases.ts';
import { applyFlags } from '../../src/sync/apply.ts';
import { syncWriter } from '../../src/sync/transaction.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { eventually, type TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('ownership', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  const connect = async (user: string, mails: number) => {
    await fillMaildir(dovecot, user, 'INBOX', mails, { seed: 1 });
    await fillMaildir(dovecot, user, 'Archive', mails, { seed: 2 });
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    return { mailquay, dovecot, user, grantId } satisfies Checked;
  };
  const lease = async (grantId: string) => {
    const [row] = await mailquay.sql<{ owner: string; token: number; application: string }>(
      `SELECT l.owner, l.token, g.application_id AS application FROM leases l JOIN grants g ON g.id = l.grant_id
       WHERE grant_id = $1`,
      [grantId],
    );
    if (!row) throw new Error('no lease');
    return row;
  };

  test('a second engine takes over when the lease of the first has run out; late writes of the first are refused', async () => {
    const checked = await connect('ada@mailquay.example', 800);
    const { grantId } = checked;
    await eventually(async () => {
      const [row] = await mailquay.sql<{ n: number }>(
        'SELECT count(*) AS n FROM messages WHERE grant_id = $1',
        [grantId],
      );
      expect(row?.n).toBeGreaterThan(200);
    }, 60_000);
    const first = await lease(grantId);
    const second: Services = composeServices(mailquay.server.instance, {
      poll: 1_000,
      reconcile: 5_000,
      settle: 50,
    });
    second.engine.start();
    try {
      // The first one stalls: its lease runs out, and it finds out only when it writes. Again and again, because it
      // does renew, and may come before the second one looks.
      await eventually(async () => {
        await mailquay.sql(
          `UPDATE leases SET expires_at = now() - interval '1 second' WHERE grant_id = $1 AND owner = $2 RETURNING 1`,
          [grantId, first.owner],
        );
        expect((await lease(grantId)).owner).not.toBe(first.owner);
      }, 60_000);
      await mailquay.synced(grantId);
      await expectInStep(checked);
      // Both have read the same mails; each was stored and told once.
      expect(await eventsOf(checked, 'message.%')).toEqual([]);
      const since = await snapshot(checked);
      await dovecot.append(checked.user, 'Archive', Buffer.from('Subject: for the second\r\n\r\nx\r\n'));
      await expectInStep(checked, { since });

      const [place] = await mailquay.sql<{ folderId: string; uidValidity: number; uid: number }>(
        `SELECT folder_id AS "folderId", uid_validity AS "uidValidity", uid FROM message_locations WHERE grant_id = $1 LIMIT 1`,
        [grantId],
      );
      const late = syncWriter({
        db: mailquay.server.instance.database.db,
        lease: { grantId, owner: first.owner, token: first.token },
        scope: { grantId, applicationId: first.application },
        ownAddress: checked.user,
        clock: () => new Date(),
      });
      const flags = { seen: true, flagged: true, answered: true, draft: true, keywords: ['late'] };
      const write = applyFlags(
        late,
        { ...(place as { folderId: string; uidValidity: number }), drafts: false },
        [{ uid: place?.uid as number, flags }],
        0,
      );
      await expect(write).rejects.toBeInstanceOf(LeaseLostError);
      await expectInStep(checked, { since });
    } finally {
      await second.stop();
    }
    // The first takes the grant back when the second is gone.
    await eventually(async () => expect((await lease(grantId)).owner).toBe(first.owner), 60_000);
  });

  test('a grant that is deleted in the middle of its first sync stops within seconds, and leaves nothing', async () => {
    const { grantId } = await connect('gone@mailquay.example', 1_200);
    await eventually(async () => {
      const [row] = await mailquay.sql<{ n: number }>(
        'SELECT count(*) AS n FROM messages WHERE grant_id = $1',
        [grantId],
      );
      expect(row?.n).toBeGreaterThan(100);
    }, 60_000);
    expect((await mailquay.call('DELETE', `/v3/grants/${grantId}`)).status).toBe(200);
    await eventually(() => expect(mailquay.server.services.engine.borrowMailbox(grantId)).toBeNull(), 10_000);
    const tables = [
      'messages',
      'message_bodies',
      'message_locations',
      'threads',
      'thread_keys',
      'folders',
      'folder_cursors',
      'sync_states',
      'leases',
      'grants',
    ];
    const left = async () => {
      const rows: Record<string, number> = {};
      for (const table of tables) {
        const key = table === 'grants' ? 'id' : 'grant_id';
        const [row] = await mailquay.sql<{ n: number }>(
          `SELECT count(*) AS n FROM ${table} WHERE ${key} = $1`,
          [grantId],
        );
        if (row?.n) rows[table] = row.n;
      }
      const blobs = await readdir(join(mailquay.config.dataDir, 'blobs', 'raw', grantId), {
        recursive: true,
      }).catch(() => []);
      return { rows, blobs };
    };
    // The second pass of the erasure comes after a while, and takes along what was in flight.
    await eventually(async () => expect(await left()).toEqual({ rows: {}, blobs: [] }), 60_000);
    const events = await eventsOf({ mailquay, dovecot, user: '', grantId }, 'message.%');
    expect(events).toEqual([]);
  });
});
