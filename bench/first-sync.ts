/** First sync of a mailbox against a naive loop over the same server: fetch every source, parse it, one thread. */
import { ImapFlow } from 'imapflow';
import PostalMime from 'postal-mime';
import { startDovecot } from '../testbed/dovecot.ts';
import { fillMaildir } from '../testbed/generate.ts';
import { startMailquay } from './mailquay.ts';
import { figure, type Result } from './result.ts';

/** Measures with a mailbox of `count` generated mails. */
export async function firstSync(count: number): Promise<Result[]> {
  const dovecot = await startDovecot();
  try {
    const login = { ...dovecot.user('bench@mailquay.example'), port: dovecot.imapPort };
    const { bytes } = await fillMaildir(dovecot, 'bench@mailquay.example', 'INBOX', count);
    // The server indexes the folder at the first look; that is its work, not ours.
    await readAll(login, async () => {}, 'headers');
    const bare = await rate(count, () => readAll(login, async () => {}));
    const naive = await rate(count, () => readAll(login, async (raw) => void (await PostalMime.parse(raw))));
    const ours = await rate(count, async () => {
      const mailquay = await startMailquay();
      const began = performance.now();
      try {
        await mailquay.sync(login);
        return performance.now() - began;
      } finally {
        await mailquay.stop();
      }
    });
    const what = `first sync, ${count} mails of ${(bytes / count / 1024).toFixed(1)} KiB: stored, threaded and searchable`;
    const perSecond = (value: number) => figure(value, 'mails/s');
    const mine = perSecond(ours);
    return [
      {
        what,
        ours: mine,
        reference: { what: 'fetch and parse (postal-mime), one thread', figure: perSecond(naive) },
        goal: { ratio: 0.7 },
      },
      { what, ours: mine, reference: { what: 'bare fetch', figure: perSecond(bare) }, goal: null },
    ];
  } finally {
    await dovecot.stop();
  }
}

async function readAll(
  login: { username: string; password: string; port: number },
  each: (raw: Buffer) => Promise<void>,
  what: 'source' | 'headers' = 'source',
): Promise<undefined> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: login.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: login.username, pass: login.password },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX', { readOnly: true });
  const query = what === 'source' ? { uid: true, source: true } : { uid: true, size: true };
  for await (const message of client.fetch('1:*', query)) if (message.source) await each(message.source);
  client.close();
  return undefined;
}

/** Mails per second; the work may say itself how long it took, in ms. */
async function rate(count: number, work: () => Promise<number | undefined>): Promise<number> {
  const began = performance.now();
  const own = await work();
  return count / ((own ?? performance.now() - began) / 1000);
}
