/** The system user that owns the testbed's mail files; made when it is not there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './process.ts';

export async function mailOwner(): Promise<{ uid: number; gid: number }> {
  for (let attempt = 1; ; attempt++) {
    const found = await ids();
    if (found) return found;
    // several processes may try at once: the user database is then locked for a moment
    const error = await run('useradd', [
      '--system',
      '--user-group',
      '--shell',
      '/usr/sbin/nologin',
      'vmail',
    ]).then(
      () => undefined,
      (reason: Error) => reason,
    );
    if (error && attempt === 20 && !(await ids())) throw error;
    if (error) await sleep(50 + Math.random() * 100);
  }
}

async function ids(): Promise<{ uid: number; gid: number } | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'vmail']), run('id', ['-g', 'vmail'])]);
    return { uid: Number(uid), gid: Number(gid) };
  } catch {
    return undefined;
  }
}
