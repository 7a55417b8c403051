import { expect, test } from 'vitest';
import { ProviderError } from '../../src/providers/provider.ts';
import { SIGNAL, type Trial } from './trial.ts';

/** The life of a mailbox: signals, its end, and what went wrong. */
export function lifeTests(on: Trial): void {
  test('ends at once when its signal aborts, and can be used on', async () => {
    const { path } = await on.folderWith(3);
    const reason = new Error('not needed any more');
    await expect(on.mailbox.folders(AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(on.mailbox.open(path, AbortSignal.abort(reason))).rejects.toBe(reason);
    const stop = new AbortController();
    const folder = await on.mailbox.open(path, stop.signal);
    stop.abort(reason);
    await expect(folder.uids(1, null)).rejects.toBe(reason);
    await folder.close();
    await on.opened(path, async (again) => expect(again.exists).toBe(3));
  });

  test('a closed mailbox serves nobody', async () => {
    const other = on.server.open();
    await other.folders(SIGNAL());
    await other.close();
    await expect(other.folders(SIGNAL())).rejects.toBeInstanceOf(ProviderError);
    await other.close();
  });

  test('names what went wrong', async () => {
    await expect(on.mailbox.open('No such folder', SIGNAL())).rejects.toMatchObject({ kind: 'no_folder' });
    const unreachable = on.server.openUnreachable();
    await expect(unreachable.folders(SIGNAL())).rejects.toMatchObject({
      name: 'ProviderError',
      kind: 'network',
    });
    await unreachable.close();
    const refused = on.server.openRefused();
    if (refused) {
      await expect(refused.folders(SIGNAL())).rejects.toMatchObject({
        kind: 'authentication',
        vague: false,
      });
      await refused.close();
    }
  });
}
