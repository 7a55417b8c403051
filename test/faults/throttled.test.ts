/** SY23: a server that asks for patience gets it, and a grant becomes invalid only by a refusal that means the login. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { faults, type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, soon, syncState } from '../support/scripted-truth.ts';

describe.concurrent('refusals', { timeout: 240_000 }, () => {
  let mailquay: TestMailquay;
  const servers: ScriptedImap[] = [];
  let user = 0;
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { backoff: 50, refusal: 100 } });
  });
  afterAll(async () => {
    await mailquay?.stop();
    for (const server of servers) await server.stop();
  });

  const connect = async () => {
    const server = await startScriptedImap({ capabilities: 'IMAP4rev1 IDLE' });
    servers.push(server);
    for (let n = 0; n < 80; n += 1) server.deliver('INBOX', mail(n));
    user += 1;
    const grantId = await mailquay.connect({ username: `sy23-${user}`, password: 'pass', port: server.port });
    return { server, grantId };
  };

  const commands = ['LOGIN', 'EXAMINE', 'FETCH', 'LIST', 'STATUS', 'SEARCH'];
  const codes = ['THROTTLED', 'UNAVAILABLE', 'INUSE', 'OVERQUOTA'];
  test.for(commands.map((command, i) => [command, codes[i % 4] as string] as const))(
    '%s answered with NO [%s]: later, and the grant stays valid',
    async ([command, code]) => {
      const { server, grantId } = await connect();
      server.on(command, faults.refuse(code, 'slow down'), { times: 4 });
      server.cutAll();
      await expectLike(mailquay, grantId, server);
      await soon(async () => expect((await syncState(mailquay, grantId))?.phase).toBe('live'));
      expect((await syncState(mailquay, grantId))?.status).toBe('valid');
      expect(
        await mailquay.sql('SELECT uid FROM sync_failures WHERE grant_id = $1 AND parked', [grantId]),
      ).toEqual([]);
      expect(
        await mailquay.sql("SELECT id FROM events WHERE grant_id = $1 AND type = 'grant.expired'", [grantId]),
      ).toEqual([]);
    },
  );

  test('the back-off grows while the server goes on refusing', async () => {
    const { server, grantId } = await connect();
    await mailquay.synced(grantId);
    server.on('LOGIN', faults.refuse('UNAVAILABLE'));
    server.cutAll();
    await soon(async () => expect((await syncState(mailquay, grantId))?.failures).toBeGreaterThan(3));
    expect(await syncState(mailquay, grantId)).toMatchObject({ status: 'valid', lastError: 'busy' });
    server.clearHooks();
    server.deliver('INBOX', mail('after'));
    await mailquay.recovered(grantId);
    await expectLike(mailquay, grantId, server);
    await soon(async () => expect((await syncState(mailquay, grantId))?.failures).toBe(0));
  });

  test('[AUTHENTICATIONFAILED] makes the grant invalid at once', async () => {
    const { server, grantId } = await connect();
    await mailquay.synced(grantId);
    const logins = server.commands.filter((line) => line === 'LOGIN').length;
    server.on('LOGIN', faults.refuse('AUTHENTICATIONFAILED', 'wrong password'));
    server.cutAll();
    await soon(async () => expect((await syncState(mailquay, grantId))?.status).toBe('invalid'));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // No storm of wrong logins: watching and work may have tried at the same moment, and then nobody.
    expect(server.commands.filter((line) => line === 'LOGIN').length - logins).toBeLessThanOrEqual(2);
  });

  test.for([
    'temporary failure',
    'Too many connections',
    'Maximum number of connections from user+IP exceeded',
    'Internal error occurred',
  ])('a plain NO with "%s" is no wrong password, however often it comes', async (words) => {
    const { server, grantId } = await connect();
    await mailquay.synced(grantId);
    server.on('LOGIN', (exchange) => exchange.no(words));
    server.cutAll();
    await soon(async () => expect((await syncState(mailquay, grantId))?.failures).toBeGreaterThan(4));
    expect(await syncState(mailquay, grantId)).toMatchObject({ status: 'valid', lastError: 'busy' });
    server.clearHooks();
    await mailquay.recovered(grantId);
    await soon(async () => expect((await syncState(mailquay, grantId))?.failures).toBe(0));
  });

  test('a plain NO without a reason counts only when it is repeated', async () => {
    const { server, grantId } = await connect();
    await mailquay.synced(grantId);
    server.on('LOGIN', (exchange) => exchange.no('LOGIN failed.'), { times: 2 });
    server.cutAll();
    await soon(() => expect(server.idling()).toBeGreaterThan(0));
    expect((await syncState(mailquay, grantId))?.status).toBe('valid');
    server.on('LOGIN', (exchange) => exchange.no('LOGIN failed.'));
    server.cutAll();
    await soon(async () => expect((await syncState(mailquay, grantId))?.status).toBe('invalid'));
  });

  test('a folder that does not open keeps no other waiting', async () => {
    const server = await startScriptedImap();
    servers.push(server);
    for (let n = 0; n < 30; n += 1) server.deliver(n % 2 ? 'INBOX' : 'Archive', mail(n));
    server.on('EXAMINE', (exchange) =>
      /Sent/.test(exchange.command.line) ? exchange.no('[NOPERM] not yours') : exchange.pass(),
    );
    server.deliver('Sent', mail('sent'));
    user += 1;
    const grantId = await mailquay.connect({ username: `sy23-${user}`, password: 'pass', port: server.port });
    await mailquay.synced(grantId);
    const asked = () => server.commands.filter((line) => /EXAMINE "?Sent/.test(line)).length;
    const before = asked();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(asked() - before).toBeLessThan(10);
    server.clearHooks();
    await expectLike(mailquay, grantId, server);
  });
});
