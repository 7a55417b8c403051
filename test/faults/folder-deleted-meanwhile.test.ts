/** A folder that another client deletes just when we ask about it: neither the sync nor a search is broken by it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail } from '../support/scripted-truth.ts';

/** Far longer than the tests wait: a sync that breaks once does not come back in time. */
const BACKOFF_MS = 100 * 60_000;

describe('a folder that is deleted meanwhile', { timeout: 120_000 }, () => {
  let mailquay: TestMailquay;
  let server: ScriptedImap;
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { backoff: BACKOFF_MS } });
  });
  afterAll(() => mailquay?.stop());
  afterEach(() => server?.stop());

  const connected = async (name: string) => {
    // Without LIST-STATUS each folder is asked about by a command of its own.
    server = await startScriptedImap({ capabilities: 'IMAP4rev1 UIDPLUS IDLE' });
    server.model.createFolder('Doomed');
    for (const folder of ['INBOX', 'Doomed']) server.deliver(folder, mail(`${name} in ${folder}`));
    const grantId = await mailquay.connect({ username: name, password: 'pass', port: server.port });
    await mailquay.synced(grantId);
    await expectLike(mailquay, grantId, server);
    return grantId;
  };

  test('between LIST and STATUS', async () => {
    const grantId = await connected('listed');
    server.once('STATUS', (exchange) => {
      server.model.deleteFolder('Doomed');
      return exchange.pass();
    });
    server.deliver('INBOX', mail('later'));
    await expectLike(mailquay, grantId, server);
    expect(server.model.find('Doomed')).toBeUndefined();
    const { data } = (await mailquay.get<{ data: { name: string }[] }>(`/v3/grants/${grantId}/folders`)).body;
    expect(data.map(({ name }) => name)).not.toContain('Doomed');
  });

  test('before it is searched', async () => {
    const grantId = await connected('searched');
    const search = () =>
      mailquay.get<{ data: { subject: string }[] }>(`/v3/grants/${grantId}/messages?search_query_native=ALL`);
    expect((await search()).body.data).toHaveLength(2);
    server.once('EXAMINE', (exchange) => {
      server.model.deleteFolder('Doomed');
      return exchange.pass();
    });
    const { status, body } = await search();
    expect([status, body.data.length]).toEqual([200, 1]);
  });

  test('a connection that breaks in the middle of a search is replaced', async () => {
    const grantId = await connected('broken');
    let broken = 0;
    server.once('SEARCH', (exchange) => {
      broken += 1;
      exchange.cut();
    });
    const { status, body } = await mailquay.get<{ data: { subject: string }[] }>(
      `/v3/grants/${grantId}/messages?search_query_native=ALL`,
    );
    expect([broken, status, body.data?.length]).toEqual([1, 200, 2]);
  });
});
