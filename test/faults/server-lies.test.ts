/** SY17: a server that lies, or speaks a dialect. No wrong row, no lost mail, and the sync goes on. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Handler } from '../support/imap/exchange.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import {
  faults,
  type ScriptedImap,
  type ScriptedImapOptions,
  startScriptedImap,
} from '../support/scripted-imap.ts';
import { expectLike, mail, soon, storedCopies, syncState } from '../support/scripted-truth.ts';

describe.concurrent('a server that lies', { timeout: 240_000 }, () => {
  let mailquay: TestMailquay;
  const servers: ScriptedImap[] = [];
  let user = 0;
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { backoff: 50 } });
  });
  afterAll(async () => {
    await mailquay?.stop();
    for (const server of servers) await server.stop();
  });

  const start = async (options: ScriptedImapOptions = {}, mails = 70) => {
    const server = await startScriptedImap(options);
    servers.push(server);
    for (let n = 0; n < mails; n += 1) server.deliver('INBOX', mail(n));
    user += 1;
    const username = `sy17-${user}`;
    const connect = () => mailquay.connect({ username, password: 'pass', port: server.port });
    return { server, connect };
  };

  const bodies =
    (fault: Handler): Handler =>
    (exchange) =>
      /BODY\.PEEK\[\]/.test(exchange.command.line) && exchange.session.view?.folder.name === 'INBOX'
        ? fault(exchange)
        : exchange.pass();

  test('a folder that one listing lacks, but that is there, keeps its id and its mail', async () => {
    const { server, connect } = await start({}, 3);
    server.model.createFolder('Work');
    server.deliver('Work', mail('work'));
    const grantId = await connect();
    await mailquay.synced(grantId);
    const folders = async () =>
      (await mailquay.nylas.folders.list({ identifier: grantId })).data.map(
        ({ id, name }) => `${id} ${name}`,
      );
    const before = await folders();
    let lists = 0;
    server.on('LIST', (exchange) => {
      lists += 1;
      return lists === 1 ? faults.dropLines(/Work/)(exchange) : exchange.pass();
    });
    await mailquay.sql(`SELECT pg_notify('mailquay_looks', $1)`, [grantId]);
    await soon(() => expect(lists).toBeGreaterThan(1));
    await expectLike(mailquay, grantId, server);
    expect(await folders()).toEqual(before);
    const told = await mailquay.sql(
      `SELECT type FROM events WHERE grant_id = $1 AND type IN ('folder.deleted', 'message.deleted')`,
      [grantId],
    );
    expect(told).toEqual([]);
  });

  const LIES: [name: string, command: string, fault: Handler][] = [
    ['RFC822.SIZE is too small', 'FETCH', faults.wrongSize(7)],
    ['RFC822.SIZE is 4 GB', 'FETCH', faults.wrongSize(4_294_967_295)],
    [
      'RFC822.SIZE is nonsense',
      'FETCH',
      faults.editRows((row) => row.replace(/RFC822\.SIZE \d+/, 'RFC822.SIZE NIL')),
    ],
    ['BODYSTRUCTURE is broken', 'FETCH', faults.brokenBodyStructure(false)],
    ['some rows have no UID', 'FETCH', bodies(faults.withoutUid((index) => index % 3 === 1))],
    ['the tagged OK comes too early', 'FETCH', bodies(faults.earlyOk(5))],
    ['rows come twice', 'FETCH', bodies(faults.editRows((row) => [row, row]))],
    [
      'rows of other mails come in between',
      'FETCH',
      bodies(faults.addLines('* 1 FETCH (UID 1 FLAGS ())', '* 2 FETCH (FLAGS (\\Seen))')),
    ],
    [
      'a row cannot be parsed',
      'FETCH',
      bodies(faults.editRows((row, index) => (index === 2 ? '* 3 FETCH (UID 3 BODY[] "' : row))),
    ],
    ['SELECT has no UIDNEXT', 'EXAMINE', faults.dropLines(/UIDNEXT/)],
    ['SELECT has no HIGHESTMODSEQ', 'EXAMINE', faults.dropLines(/HIGHESTMODSEQ/)],
    ['SELECT says EXISTS twice', 'EXAMINE', faults.addLines('* 3 EXISTS', '* 70 EXISTS')],
    [
      'STATUS leaves out UIDNEXT and MODSEQ',
      'LIST',
      (exchange) =>
        exchange.edit((reply) => {
          reply.untagged = reply.untagged.map((line) =>
            line.replace(/ ?(UIDNEXT|HIGHESTMODSEQ|UNSEEN) \d+/g, ''),
          );
        }),
    ],
    ['STATUS says nothing at all', 'LIST', faults.dropLines(/^\* STATUS/)],
    [
      'LIST names a folder twice, and one that is not there',
      'LIST',
      faults.addLines(
        '* LIST () "/" INBOX',
        '* LIST () "/" Ghost',
        '* LIST (\\Noselect) "/" Shelf',
        '* LIST () NIL ""',
      ),
    ],
    [
      'SEARCH repeats itself',
      'SEARCH',
      (exchange) =>
        exchange.edit((reply) => {
          reply.untagged = reply.untagged.flatMap((line) => [line, line]);
        }),
    ],
  ];
  test.for(LIES)('%s', async ([_, command, fault]) => {
    const { server, connect } = await start();
    server.on(command, fault);
    const grantId = await connect();
    await expectLike(mailquay, grantId, server);
    await mailquay.synced(grantId);
    for (let n = 0; n < 5; n += 1) server.deliver('INBOX', mail(`new ${n}`));
    server.setFlags('INBOX', 3, ['\\Seen']);
    server.expunge('INBOX', 9);
    await expectLike(mailquay, grantId, server);
    expect((await syncState(mailquay, grantId))?.status).toBe('valid');
    expect((await storedCopies(mailquay, grantId)).filter((copy) => copy.parseError)).toEqual([]);
  });

  test('the same UID for different mails never stores one under the number of the other', async () => {
    const { server, connect } = await start({}, 20);
    server.on('FETCH', bodies(faults.duplicateUids()));
    const grantId = await connect();
    const truth = new Map(
      server.model
        .folder('INBOX')
        .messages.map((m) => [m.uid, createHash('sha256').update(m.raw).digest('hex')]),
    );
    await soon(async () => {
      const copies = await storedCopies(mailquay, grantId);
      for (const copy of copies) if (!copy.parseError) expect(copy.sha256).toBe(truth.get(copy.uid));
      // What cannot be had stands in as a placeholder in the end; nothing is missing.
      expect(copies.length).toBe(20);
    });
    server.clearHooks();
    await expectLike(mailquay, grantId, server);
  });

  test.for([
    ['the last message', (line: string) => line],
    ['nothing', () => undefined],
  ] as const)('UID SEARCH n:* beyond the end gives %s', async ([what]) => {
    const { server, connect } = await start({ capabilities: 'IMAP4rev1 IDLE' });
    server.on('SEARCH', (exchange) =>
      exchange.edit((reply) => {
        const from = Number(/UID (\d+):\*/.exec(exchange.command.line)?.[1] ?? 0);
        const last = server.model.folder('INBOX').messages.at(-1)?.uid ?? 0;
        if (exchange.session.view?.folder.name !== 'INBOX' || from <= last) return;
        reply.untagged = [what === 'nothing' ? '* SEARCH' : `* SEARCH ${last}`];
      }),
    );
    const grantId = await connect();
    await mailquay.synced(grantId);
    server.deliver('INBOX', mail('new'));
    await expectLike(mailquay, grantId, server);
  });

  test('an empty folder may refuse FETCH and SEARCH', async () => {
    const { server, connect } = await start({ capabilities: 'IMAP4rev1 IDLE' }, 0);
    const refuseEmpty: Handler = (exchange) =>
      exchange.session.view?.folder.messages.length === 0 ? exchange.no('Nothing here') : exchange.pass();
    server.on('FETCH', refuseEmpty);
    server.on('SEARCH', refuseEmpty);
    const grantId = await connect();
    await mailquay.synced(grantId);
    server.deliver('INBOX', mail('first'));
    await expectLike(mailquay, grantId, server);
    server.expunge('INBOX', 1);
    await expectLike(mailquay, grantId, server);
  });

  test("special uses come in any case, or only as names in the user's language", async () => {
    const { model } = await startScriptedImap().then(async (s) => {
      servers.push(s);
      return s;
    });
    for (const name of [...model.folders.keys()]) if (name !== 'INBOX') model.deleteFolder(name);
    model.createFolder('Raus', ['\\sENT']);
    model.createFolder('Papierkorb', ['\\TRASH']);
    const shouting = await start({ model }, 0);
    const byFlag = await shouting.connect();
    await mailquay.synced(byFlag);
    const german = await startScriptedImap({
      capabilities: 'IMAP4rev1 IDLE',
      delimiter: '.',
      prefix: 'INBOX.',
    });
    servers.push(german);
    for (const name of [...german.model.folders.keys()])
      if (name !== 'INBOX') german.model.deleteFolder(name);
    for (const name of ['Gesendete Objekte', 'Papierkorb', 'Entwürfe', 'Projekte'])
      german.createFolder(`INBOX.${name}`);
    const byName = await mailquay.connect({ username: 'sy17-german', password: 'pass', port: german.port });
    await mailquay.synced(byName);
    const uses = async (grantId: string) =>
      Object.fromEntries(
        (
          await mailquay.sql<{ path: string; use: string | null }>(
            'SELECT path, special_use AS use FROM folders WHERE grant_id = $1',
            [grantId],
          )
        ).map((row) => [row.path, row.use]),
      );
    expect(await uses(byFlag)).toEqual({ INBOX: '\\Inbox', Raus: '\\Sent', Papierkorb: '\\Trash' });
    expect(await uses(byName)).toEqual({
      INBOX: '\\Inbox',
      'INBOX.Gesendete Objekte': '\\Sent',
      'INBOX.Papierkorb': '\\Trash',
      'INBOX.Entwürfe': '\\Drafts',
      'INBOX.Projekte': null,
    });
  });
});
