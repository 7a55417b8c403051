import { expect, test } from 'vitest';
import type { Hint } from '../../src/providers/provider.ts';
import { eventually } from '../support/mailquay.ts';
import { raw, SIGNAL, type Trial } from './trial.ts';

/** Hints of change. */
export function watchingTests(on: Trial): void {
  const whenConnected = on.when(on.facts.connections);
  test('lists the folder that is watched as it is now', async () => {
    const { path } = await on.folderWith(2);
    const stop = new AbortController();
    let watching = false;
    const watched = on.mailbox
      .watch(
        { path },
        (hint) => {
          watching ||= hint.kind === 'watching';
        },
        stop.signal,
      )
      .catch(() => {});
    await eventually(async () => expect(watching).toBe(true));
    await on.server.deliver(path, raw('new one'));
    const folder = (await on.mailbox.folders(SIGNAL())).find((f) => f.path === path);
    expect(folder?.status?.messages ?? 3).toBe(3);
    stop.abort(new Error('seen'));
    await watched;
  });

  test('hints of change while it watches', async () => {
    const folders = await on.mailbox.folders(SIGNAL());
    const inbox = folders.find((f) => f.specialUse === '\\Inbox')?.path ?? 'INBOX';
    const watching = on.server.open();
    const stop = new AbortController();
    const hints: Hint[] = [];
    const ended = watching
      .watch({ path: inbox }, (hint) => hints.push(hint), stop.signal)
      .catch((e: unknown) => e);
    try {
      await eventually(() => expect(hints[0]?.kind).toBe('watching'));
      if (on.facts.pushes) {
        hints.length = 0;
        const { uid } = await on.server.deliver(inbox, raw('hint'));
        await eventually(() =>
          expect(hints.some((h) => h.kind === 'changed' && h.what === 'arrivals')).toBe(true),
        );
        hints.length = 0;
        await on.server.setFlags(inbox, uid, ['\\Seen']);
        await eventually(() => expect(hints.some((h) => h.kind === 'changed')).toBe(true));
        hints.length = 0;
        await on.server.expunge(inbox, uid);
        await eventually(() => expect(hints.some((h) => h.kind === 'changed')).toBe(true));
      }
      if (on.facts.tellsOfAll) {
        const { path } = await on.folderWith(1);
        hints.length = 0;
        await on.server.deliver(path, raw('elsewhere'));
        await eventually(() => expect(hints.some((h) => h.kind === 'changed')).toBe(true));
      }
      // What is watched can be opened at once, and shows what came a moment ago.
      const { uid } = await on.server.deliver(inbox, raw('quick'));
      await eventually(async () => {
        const folder = await watching.open(inbox, SIGNAL(), true);
        try {
          expect(await folder.uids(uid, null)).toContain(uid);
        } finally {
          await folder.close();
        }
      });
    } finally {
      stop.abort(new Error('enough'));
      expect(((await ended) as Error).message).toBe('enough');
      await watching.close();
    }
  });

  whenConnected('watching ends with an error when the connection breaks', async () => {
    const watching = on.server.open();
    const hints: Hint[] = [];
    const ended = watching
      .watch({ path: 'INBOX' }, (hint) => hints.push(hint), SIGNAL())
      .catch((e: unknown) => e);
    await eventually(() => expect(hints).toHaveLength(1));
    await on.server.cut();
    expect(await ended).toMatchObject({ name: 'ProviderError', kind: 'network' });
    await watching.close();
    // The mailbox itself finds a new connection.
    const { path } = await on.folderWith(1);
    await eventually(() => on.opened(path, async (folder) => expect(folder.exists).toBe(1)));
  });
}
