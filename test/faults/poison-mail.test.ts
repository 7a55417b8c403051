/** A mail that ends the connection each time, or never comes: the others get in, and it ends parked where all can see it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Handler } from '../support/imap/exchange.ts';
import { startMailquay, type TestMailquay } from '../support/mailquay.ts';
import { type ScriptedImap, startScriptedImap } from '../support/scripted-imap.ts';
import { expectLike, mail, messageEvents, soon, storedCopies, syncState } from '../support/scripted-truth.ts';

const POISON = 30;

/** True when a FETCH asks for the poison's body (or for any piece of it, with `pieces`). */
function asksFor(line: string, pieces: RegExp): boolean {
  const set = /FETCH ([\d:,*]+)/.exec(line)?.[1] ?? '';
  const hit = set.split(',').some((part) => {
    const [from = 0, to = from] = part
      .split(':')
      .map((n) => (n === '*' ? Number.POSITIVE_INFINITY : Number(n)));
    return from <= POISON && POISON <= to;
  });
  return hit && pieces.test(line);
}

describe.concurrent('a poison mail', () => {
  let mailquay: TestMailquay;
  const servers: ScriptedImap[] = [];
  beforeAll(async () => {
    mailquay = await startMailquay({ timings: { backoff: 20, parkedRetry: 1_500 } });
  });
  afterAll(async () => {
    await mailquay?.stop();
    for (const server of servers) await server.stop();
  });

  const start = async (name: string, capabilities?: string) => {
    const server = await startScriptedImap({ capabilities });
    servers.push(server);
    for (let n = 1; n <= 60; n += 1) server.deliver('INBOX', mail(n));
    return {
      server,
      connect: () => mailquay.connect({ username: `poison-${name}`, password: 'pass', port: server.port }),
    };
  };
  const on =
    (pieces: RegExp, end: Handler): Handler =>
    (exchange) =>
      exchange.session.view?.folder.name === 'INBOX' &&
      exchange.session.view.folder.messages.some((m) => m.uid === POISON) &&
      asksFor(exchange.command.line, pieces)
        ? end(exchange)
        : exchange.pass();
  const cutMidway: Handler = async (exchange) => exchange.cutAfter(60);

  const parked = (grantId: string) =>
    mailquay.sql<{ uid: number }>('SELECT uid FROM sync_failures WHERE grant_id = $1 AND parked', [grantId]);

  const KINDS: [string, string | undefined, RegExp, Handler, { subject: string }][] = [
    [
      'breaks the connection over its body',
      undefined,
      /BODY\.PEEK\[\]/,
      cutMidway,
      { subject: `mail ${POISON}` },
    ],
    [
      'breaks the connection over its headers too',
      'IMAP4rev1 IDLE',
      /BODY\.PEEK/,
      cutMidway,
      { subject: '' },
    ],
    [
      'breaks the connection over anything',
      'IMAP4rev1 IDLE',
      /UID FETCH (?!1:\d+ \(UID FLAGS\)).*/,
      cutMidway,
      { subject: '' },
    ],
    [
      'never comes',
      undefined,
      /BODY\.PEEK\[\]/,
      (e) =>
        e.edit((reply) => {
          reply.untagged = reply.untagged.filter((line) => !new RegExp(`UID ${POISON}\\b`).test(line));
        }),
      { subject: `mail ${POISON}` },
    ],
    [
      'comes empty',
      undefined,
      /BODY\.PEEK\[\]/,
      (e) =>
        e.edit((reply) => {
          reply.untagged = reply.untagged.map((line) =>
            new RegExp(`UID ${POISON}\\b`).test(line)
              ? line.replace(/BODY\[\] \{\d+\}\r\n[\s\S]*$/, 'BODY[] "")')
              : line,
          );
        }),
      { subject: `mail ${POISON}` },
    ],
  ];
  test.for(KINDS)('that %s', { timeout: 240_000 }, async ([name, capabilities, pieces, end, shown]) => {
    const { server, connect } = await start(name.replaceAll(' ', '-'), capabilities);
    const off = server.on('FETCH', on(pieces, end));
    const grantId = await connect();
    // The others get in.
    await expectLike(mailquay, grantId, server, { except: [POISON] });
    // It ends as a placeholder that says so, parked where an operator sees it.
    const placeholder = await soon(async () => {
      const copy = (await storedCopies(mailquay, grantId)).find((c) => c.uid === POISON);
      if (!copy?.parseError?.includes('does not send it')) {
        const failures = await mailquay.sql(
          'SELECT uid, attempts, reason, next_attempt_at - now() AS next FROM sync_failures WHERE grant_id = $1',
          [grantId],
        );
        throw new Error(
          `${JSON.stringify([copy, failures, await syncState(mailquay, grantId)])}\n${server.commands.slice(-8).join('\n')}`,
        );
      }
      return copy;
    });
    expect(placeholder?.subject).toBe(shown.subject);
    await soon(async () => expect((await parked(grantId)).map((row) => row.uid)).toEqual([POISON]));
    const metrics = await (await fetch(`${mailquay.origin}/metrics`)).text();
    expect(Number(/^mailquay_messages_parked_total (\d+)/m.exec(metrics)?.[1])).toBeGreaterThan(0);
    await mailquay.synced(grantId);
    expect((await syncState(mailquay, grantId))?.status).toBe('valid');
    // New mail arrives beside it.
    server.deliver('INBOX', mail('new'));
    await expectLike(mailquay, grantId, server, { except: [POISON] });
    // The API shows it, with what there is.
    const { status, text } = await mailquay.get(`/v3/grants/${grantId}/messages/${placeholder?.id}`);
    expect([status, text.includes(placeholder?.id ?? '-')]).toEqual([200, true]);
    // Once it can be had, it takes the placeholder's place and keeps the id.
    off();
    await expectLike(mailquay, grantId, server);
    const copy = (await storedCopies(mailquay, grantId)).find((c) => c.uid === POISON);
    expect(copy).toMatchObject({ id: placeholder?.id, parseError: null, subject: `mail ${POISON}` });
    await soon(async () =>
      expect(await mailquay.sql('SELECT uid FROM sync_failures WHERE grant_id = $1', [grantId])).toEqual([]),
    );
    const events = await messageEvents(mailquay, grantId);
    expect([events['message.created'], events['message.deleted']]).toEqual([1, undefined]);
    expect(events['message.updated']).toBeGreaterThan(0);
    const [counts] = await mailquay.sql<{ total: number; threads: number }>(
      `SELECT (SELECT total_count FROM folders WHERE grant_id = $1 AND path = 'INBOX') AS total,
         (SELECT sum(message_count) FROM threads WHERE grant_id = $1)::int AS threads`,
      [grantId],
    );
    expect(counts).toEqual({ total: 61, threads: 61 });
  });

  test('that is deleted at the server takes its placeholder along', { timeout: 240_000 }, async () => {
    const { server, connect } = await start('deleted');
    server.on('FETCH', on(/BODY\.PEEK\[\]/, cutMidway));
    const grantId = await connect();
    await soon(async () => expect(await parked(grantId)).toHaveLength(1));
    server.expunge('INBOX', POISON);
    await expectLike(mailquay, grantId, server);
    await soon(async () =>
      expect(await mailquay.sql('SELECT uid FROM sync_failures WHERE grant_id = $1', [grantId])).toEqual([]),
    );
  });
});
