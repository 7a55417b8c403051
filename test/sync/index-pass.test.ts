/** After an upgrade: mail that is not in the inverted index, or not by today's rules, is read again from the store. */
import { expect, test, vi } from 'vitest';
import { describeWithTestbed } from '../../testbed/describe.ts';
import type { Dovecot } from '../../testbed/dovecot.ts';
import { fillMaildir } from '../../testbed/generate.ts';
import { eventually, type TestMailquay } from '../support/mailquay.ts';
import { startedForTests } from '../support/started.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

describeWithTestbed('an upgrade', () => {
  let mailquay: TestMailquay;
  let dovecot: Dovecot;
  startedForTests((started) => {
    ({ mailquay, dovecot } = started);
  });

  test('makes the same documents from the store that were made from the mail', async () => {
    const user = 'ada@mailquay.example';
    await fillMaildir(dovecot, user, 'INBOX', 230, { seed: 9 });
    await dovecot.append(
      user,
      'INBOX',
      Buffer.from(
        'From: Jürgen <j@x.example>\r\nSubject: Angebot\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDie Straße < 5 km & "zurück"\r\n> zitiert\r\n',
      ),
    );
    const grantId = await mailquay.connect({ ...dovecot.user(user), port: dovecot.imapPort });
    await mailquay.synced(grantId);
    const documents = () =>
      mailquay.sql<{ id: string; subject: string; document: string; version: number }>(
        `SELECT s.message_id AS id, s.subject, s.document::text, s.version FROM message_search s
         JOIN messages m ON m.grant_id = s.grant_id AND m.id = s.message_id WHERE s.grant_id = $1 ORDER BY 1`,
        [grantId],
      );
    const search = async (q: string) => {
      const { body } = await mailquay.get<{ data: unknown[] }>(
        `/v3/grants/${grantId}/messages?q=${encodeURIComponent(q)}`,
      );
      return body.data.length;
    };
    const before = await documents();
    expect(before.length).toBe(231);
    expect(await search('strasse zuruck')).toBe(1);

    await mailquay.sql(
      `UPDATE message_search SET version = 0, document = '', subject = '' WHERE grant_id = $1`,
      [grantId],
    );
    await mailquay.sql(
      `DELETE FROM message_search WHERE grant_id = $1 AND message_id IN (SELECT id FROM messages WHERE grant_id = $1 ORDER BY id LIMIT 40)`,
      [grantId],
    );
    expect(await search('strasse zuruck')).toBe(0);
    await mailquay.restart();
    await eventually(async () => expect(await documents()).toEqual(before), 60_000);
    expect(await search('strasse zuruck')).toBe(1);
  });
});
