/** What Dovecot itself says of a mailbox: folders, UIDs, flags and dates by doveadm, bytes by a bare FETCH. */
import { createHash } from 'node:crypto';
import type { Dovecot } from '../../../testbed/dovecot.ts';
import { bareClient } from '../bare-client.ts';
import { folderStatus } from '../folder-status.ts';
import { type Checked, type Copy, sortedFlags } from './copy.ts';

export interface Truth {
  copies: Copy[];
  folders: Map<string, { messages: number; unseen: number; validity: number }>;
  /** Folders that hold others and no mail. */
  parents: Set<string>;
}

/** What doveadm says of a user's mail. */
export async function truthOf({ dovecot, user }: Checked): Promise<Truth> {
  const json = async (...args: string[]) => {
    const text = await dovecot.doveadm('-f', 'json', ...args);
    return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, string>[]);
  };
  const folders: Truth['folders'] = new Map();
  // `*` does not reach into a namespace with a prefix.
  const masks = ['*', 'INBOX', 'INBOX.*'];
  const statuses = await folderStatus(dovecot, user, 'uidvalidity messages unseen', masks);
  for (const row of statuses) {
    folders.set(row.mailbox as string, {
      messages: Number(row.messages),
      unseen: Number(row.unseen),
      validity: Number(row.uidvalidity),
    });
  }
  const rows = await json('fetch', '-u', user, 'mailbox uid flags date.received.unixtime', 'all');
  const copies = rows.map(
    (row): Copy => ({
      folder: row.mailbox as string,
      validity: folders.get(row.mailbox as string)?.validity ?? 0,
      uid: Number(row.uid),
      flags: sortedFlags((row.flags as string).split(' ')),
      date: Number(row['date.received.unixtime']),
    }),
  );
  const parents = new Set<string>();
  for (const name of folders.keys()) {
    for (let at = name.search(/[/.]/); at >= 0; ) {
      parents.add(name.slice(0, at));
      const next = name.slice(at + 1).search(/[/.]/);
      at = next < 0 ? -1 : at + 1 + next;
    }
  }
  return { copies, folders, parents };
}

/** Digests that were computed before: a copy's bytes never change (RFC 9051 2.3.1.1). */
const digestCache = new WeakMap<Dovecot, Map<string, string>>();

/** SHA-256 of each copy's bytes, by its place. */
export async function digestsOf({ dovecot, user }: Checked, truth: Truth): Promise<Map<string, string>> {
  const cache = digestCache.get(dovecot) ?? new Map<string, string>();
  digestCache.set(dovecot, cache);
  const found = new Map<string, string>();
  const open = new Map<string, number[]>();
  for (const { folder, validity, uid } of truth.copies) {
    const key = `${folder} ${validity}/${uid}`;
    const known = cache.get(`${user} ${key}`);
    if (known) found.set(key, known);
    else open.set(folder, [...(open.get(folder) ?? []), uid]);
  }
  if (open.size === 0) return found;
  const client = await bareClient(dovecot, user);
  try {
    for (const [folder, uids] of open) {
      const validity = truth.folders.get(folder)?.validity ?? 0;
      await client.mailboxOpen(folder, { readOnly: true });
      for (let i = 0; i < uids.length; i += 200) {
        for await (const row of client.fetch(
          uids.slice(i, i + 200).join(','),
          { uid: true, source: true },
          { uid: true },
        )) {
          const digest = createHash('sha256')
            .update(row.source as Buffer)
            .digest('hex');
          found.set(`${folder} ${validity}/${row.uid}`, digest);
          cache.set(`${user} ${folder} ${validity}/${row.uid}`, digest);
        }
      }
    }
  } finally {
    client.close();
  }
  return found;
}
