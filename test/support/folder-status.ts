import type { Dovecot } from '../../testbed/dovecot.ts';

/**
 * What doveadm says of a user's folders. Dovecot may go on listing a folder that was deleted, and then refuses to
 * speak of any: each is asked by itself then, and that one is left out.
 */
export async function folderStatus(
  dovecot: Dovecot,
  user: string,
  fields: string,
  masks: string[],
): Promise<Record<string, string>[]> {
  const json = async (...args: string[]) => {
    const text = await dovecot.doveadm('-f', 'json', ...args);
    return text.trim() === '' ? [] : (JSON.parse(text) as Record<string, string>[]);
  };
  const status = (...of: string[]) => json('mailbox', 'status', '-u', user, fields, ...of);
  return status(...masks).catch(async () => {
    const names = (await json('mailbox', 'list', '-u', user)).map((row) => row.mailbox as string);
    return (await Promise.all(names.map((name) => status(name).catch(() => [])))).flat();
  });
}
