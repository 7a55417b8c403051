/** SY11: folders are renamed, moved and deleted; names of every kind, separators and prefixes. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { type Dovecot, type DovecotOptions, startDovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import type { Checked } from '../support/checker/copy.ts';
import { eventsOf } from '../support/checker/stored.ts';
import { expectInStep, snapshot } from '../support/checker.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';

const SERVERS: [name: string, options: DovecotOptions][] = [
  ['separator /', { separator: '/' }],
  ['separator .', { separator: '.' }],
  ['separator . and prefix INBOX.', { separator: '.', prefix: 'INBOX.' }],
];

// A loaded machine may take its time; what is waited for comes much earlier.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('folders', () => {
  let mailquay: TestMailquay;
  beforeAll(async () => {
    mailquay = await startMailquay();
  });
  afterAll(() => mailquay?.stop());

  test.for(SERVERS)('%s', async ([, options]) => {
    const dovecot: Dovecot = await startDovecot(options);
    try {
      const separator = options.separator as string;
      const at = (...parts: string[]) => (options.prefix ?? '') + parts.join(separator);
      const user = `ada${SERVERS.findIndex((server) => server[1] === options)}@mailquay.example`;
      await fillMaildir(dovecot, user, 'INBOX', 20, { seed: 1 });
      await fillMaildir(dovecot, user, at('Kunden'), 20, { seed: 2 });
      await fillMaildir(dovecot, user, at('Kunden', 'Größe & Maß'), 70, { seed: 3 });
      await fillMaildir(dovecot, user, at('Kunden', 'Größe & Maß', '日本語'), 20, { seed: 4 });
      await fillMaildir(dovecot, user, at('leer', 'voll'), 20, { seed: 5 });
      await fillMaildir(dovecot, user, at('Spitze 😀 "x"'), 5, { seed: 6 });
      const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
      const checked: Checked = { mailquay, dovecot, user, grantId };
      await mailquay.synced(grantId);
      await expectInStep(checked);
      const since = await snapshot(checked);

      const folders = async () => {
        const { data } = await mailquay.nylas.folders.list({
          identifier: grantId,
          queryParams: { limit: 200 },
        });
        return new Map(data.map((f) => [f.name, f]));
      };
      const before = await folders();
      expect(before.get(at('Kunden', 'Größe & Maß'))?.parentId).toBe(before.get(at('Kunden'))?.id);
      expect(before.get(at('Kunden'))?.childCount).toBe(1);
      expect(before.get(at('Sent'))?.attributes).toContain('\\Sent');
      expect(before.get('INBOX')?.systemFolder).toBe(true);

      // With all that is below it; then a part of that into another place.
      await dovecot.doveadm('mailbox', 'rename', '-u', user, at('Kunden'), at('Ehemalige Kunden'));
      await expectInStep(checked, { since });
      const renamed = await folders();
      for (const rest of [[], ['Größe & Maß'], ['Größe & Maß', '日本語']])
        expect(renamed.get(at('Ehemalige Kunden', ...rest))?.id).toBe(before.get(at('Kunden', ...rest))?.id);
      await dovecot.doveadm(
        'mailbox',
        'rename',
        '-u',
        user,
        at('Ehemalige Kunden', 'Größe & Maß'),
        at('leer', 'Größe'),
      );
      await expectInStep(checked, { since });
      expect((await folders()).get(at('leer', 'Größe'))?.id).toBe(
        before.get(at('Kunden', 'Größe & Maß'))?.id,
      );
      // A rename is no news about messages.
      expect(await eventsOf(checked, 'message.%')).toEqual([]);
      expect(await eventsOf(checked, 'folder.deleted')).toEqual([]);

      await dovecot.doveadm('mailbox', 'delete', '-u', user, at('leer', 'voll'));
      await dovecot.doveadm('mailbox', 'create', '-u', user, at('leer', 'voll'));
      await dovecot.append(user, at('leer', 'voll'), Buffer.from('Subject: anew\r\n\r\nanew\r\n'));
      await expectInStep(checked, { since });
      expect(await eventsOf(checked, 'message.deleted')).toHaveLength(20);
      expect(await eventsOf(checked, 'message.created')).toHaveLength(1);
      // Another folder, or the same one with other mails: both are right, a lost one is not.
      expect((await folders()).get(at('leer', 'voll'))?.totalCount).toBe(1);
    } finally {
      await dovecot.stop();
    }
  });
});
