/** What a broken IMAP server may say: whatever it is, the mailbox answers with values or with a ProviderError. */
import net from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImapMailbox } from '../../src/providers/imap/mailbox.ts';
import { type OpenFolder, ProviderError } from '../../src/providers/provider.ts';
import { holdsAsync, TIMEOUT_MS } from './property.ts';
import { REPLY_LINES } from './words.ts';

/** Of the runs that a parser has: each of these makes connections. */
const SHARE = 0.2;
/** Production's limits, made short. In ms. */
const LIMIT = 400;
const TIMINGS = {
  ...{ connect: LIMIT, login: LIMIT, socket: LIMIT, command: LIMIT },
  ...{ select: LIMIT, list: LIMIT, scan: LIMIT, fetch: LIMIT, workIdle: LIMIT },
};
/** All that is asked of one mailbox together may take so long, in ms. */
const PATIENCE = 20_000;
const CAPABILITIES =
  'IMAP4rev1 CONDSTORE ENABLE UIDPLUS LIST-STATUS LIST-EXTENDED SPECIAL-USE NAMESPACE OBJECTID';

/** A script: the lines before the answer to each command in turn, and how that one ends. */
const scripts = fc.array(
  fc.record({
    lines: fc.array(fc.constantFrom(...REPLY_LINES), { maxLength: 8 }),
    end: fc.constantFrom(
      'OK done',
      'OK done',
      'OK done',
      'OK [READ-ONLY] done',
      'NO no',
      'BAD bad',
      'OK',
      'nothing',
    ),
    noise: fc.option(fc.string({ unit: 'binary', maxLength: 30 }), { freq: 6 }),
  }),
  { minLength: 1, maxLength: 12 },
);
type Script = typeof scripts extends fc.Arbitrary<infer T> ? T : never;

describe('replies of an IMAP server', () => {
  let script: Script = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.write(`* OK [CAPABILITY ${CAPABILITIES}] hello\r\n`);
    let rest = '';
    let turn = 0;
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1');
      for (let end = rest.indexOf('\r\n'); end >= 0; end = rest.indexOf('\r\n')) {
        const [tag, command] = rest.slice(0, end).split(' ', 2);
        rest = rest.slice(end + 2);
        // Login and what it brings is as it should be: otherwise nothing further would be tried.
        if (
          ['LOGIN', 'AUTHENTICATE', 'CAPABILITY', 'ID', 'ENABLE', 'NAMESPACE'].includes(
            command?.toUpperCase() ?? '',
          )
        ) {
          socket.write(`${tag} OK done\r\n`);
          continue;
        }
        const said = script[turn++ % script.length];
        if (!said) continue;
        for (const line of said.lines) socket.write(`${line}\r\n`, 'latin1');
        if (said.noise !== null) socket.write(`${said.noise}\r\n`);
        if (said.end !== 'nothing') socket.write(`${tag} ${said.end}\r\n`);
      }
    });
  });
  beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('become values or a ProviderError, and nothing waits for ever', { timeout: TIMEOUT_MS }, async () => {
    const { port } = server.address() as net.AddressInfo;
    await holdsAsync(
      scripts,
      async (next) => {
        script = next;
        const mailbox = new ImapMailbox(
          {
            settings: { imap_username: 'u', imap_host: '127.0.0.1', imap_port: port, imap_security: 'none' },
            secret: { imap_password: 'p' },
          } as never,
          { resolve: async () => [{ address: '127.0.0.1', servername: undefined }] },
          TIMINGS,
        );
        const signal = AbortSignal.timeout(PATIENCE);
        try {
          await tried(async () => {
            for (const folder of await mailbox.folders(signal)) expect(typeof folder.path).toBe('string');
          });
          await tried(async () => {
            const folder = await mailbox.open('INBOX', signal);
            try {
              await ask(folder);
            } finally {
              await folder.close();
            }
          });
          expect(signal.aborted, 'it waited for ever').toBe(false);
        } finally {
          await mailbox.close();
        }
      },
      SHARE,
    );
  });
});

async function ask(folder: OpenFolder): Promise<void> {
  await tried(async () => {
    for (const uid of await folder.uids(1, null)) expect(uid > 0 && Number.isSafeInteger(uid)).toBe(true);
  });
  await tried(async () => {
    for (const row of await folder.flags(1, 3)) expect(row.uid >= 1 && row.uid <= 3).toBe(true);
  });
  await tried(async () => void (await folder.changes(1, 1, 3)));
  await tried(async () => void (await folder.identities([1, 2, 3])));
  await tried(async () => {
    for await (const message of folder.messages([1, 2, 3])) expect([1, 2, 3]).toContain(message.uid);
  });
  await tried(() => folder.assertUnchanged());
}

/** What it throws must be a ProviderError. */
async function tried(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
  }
}
