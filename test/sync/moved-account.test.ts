/** A grant is authenticated again at another server, whose UIDVALIDITY and UIDs happen to be those of the old one. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, storedCopies } from '../support/scripted-truth.ts';

vi.setConfig({ testTimeout: 120_000 });

const USER = { username: 'moved@mailquay.example', password: 'pass' };

let mailquay: TestMailquay;
let servers: ScriptedImap[];
beforeAll(async () => {
  mailquay = await startMailquay();
  servers = [await startScriptedImap(), await startScriptedImap()];
});
afterAll(async () => {
  await mailquay?.stop();
  for (const server of servers ?? []) await server.stop();
});

test('what is stored is matched by its contents, and a change reaches the mail that it names', async () => {
  const [old, next] = servers as [ScriptedImap, ScriptedImap];
  for (const name of ['INBOX', 'Sent']) {
    const { uidValidity } = old.model.folder(name);
    next.model.changeUidValidity(name, uidValidity);
    expect(next.model.folder(name).uidValidity).toBe(uidValidity);
  }
  for (const n of [1, 2, 3]) old.deliver('INBOX', mail(`old ${n}`));
  old.deliver('INBOX', mail('taken along'));
  old.deliver('Sent', mail('old sent'));
  const grantId = await mailquay.connect({ ...USER, port: old.port });
  await mailquay.synced(grantId);
  await expectLike(mailquay, grantId, old);
  const idOf = async (uid: number) =>
    (await storedCopies(mailquay, grantId)).find((c) => c.folder === 'INBOX' && c.uid === uid)?.id;
  const takenAlong = await idOf(4);

  next.deliver('INBOX', mail('taken along'));
  for (const n of [1, 2, 3]) next.deliver('INBOX', mail(`new ${n}`));
  next.deliver('Sent', mail('new sent'));
  expect(await mailquay.connect({ ...USER, port: next.port })).toBe(grantId);
  await expectLike(mailquay, grantId, next);
  expect(await idOf(1)).toBe(takenAlong);
  const changed = await idOf(2);
  expect(
    (await mailquay.call('PUT', `/v3/grants/${grantId}/messages/${changed}`, { starred: true })).status,
  ).toBe(200);
  expect(next.model.folder('INBOX').messages.map(({ flags }) => [...flags].includes('\\Flagged'))).toEqual([
    false,
    true,
    false,
    false,
  ]);

  // And back again, where the old numbers are found once more.
  expect(await mailquay.connect({ ...USER, port: old.port })).toBe(grantId);
  await expectLike(mailquay, grantId, old);
  expect(await idOf(4)).toBe(takenAlong);
});
