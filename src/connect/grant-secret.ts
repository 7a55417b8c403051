import { SecretValue } from '../platform/secret-value.ts';
import type { SecretPlace, Secrets } from '../platform/secrets.ts';
import type { ImapSecret, ImapSettings } from '../providers/imap/settings.ts';
import type { Sql } from '../store/database.ts';
import { getGrant, getGrantSecret } from '../store/grants.ts';
import { seal } from '../store/master-keys.ts';

/** Where the secret of a grant lies; its ciphertext opens nowhere else. */
function place(applicationId: string, grantId: string): SecretPlace {
  return { table: 'grants', column: 'secret', rowId: grantId, applicationId };
}

/** Encrypts what a grant keeps secret, within the transaction that stores it. */
export function sealGrantSecret(
  sql: Sql,
  secrets: Secrets,
  key: { applicationId: string; grantId: string },
  secret: ImapSecret,
): Promise<Buffer> {
  return seal(sql, secrets, place(key.applicationId, key.grantId), new SecretValue(JSON.stringify(secret)));
}

/** An IMAP account, ready to log in. `secretVersion` is for `markGrantInvalid`, should the login be refused. */
export interface ImapAccount {
  settings: ImapSettings;
  secret: ImapSecret;
  secretVersion: number;
}

/**
 * Settings and decrypted secret of a grant; undefined when it is gone. Throws DecryptionError when the
 * ciphertext was moved or changed (SC2), UnknownKeyError without its master key.
 */
export async function loadImapAccount(
  sql: Sql,
  secrets: Secrets,
  key: { applicationId: string; grantId: string },
): Promise<ImapAccount | undefined> {
  const grant = await getGrant(sql, key.applicationId, key.grantId);
  const stored = await getGrantSecret(sql, key.applicationId, key.grantId);
  if (!grant || !stored?.secret) return undefined;
  const opened = secrets.open(place(key.applicationId, key.grantId), stored.secret);
  return {
    settings: grant.settings as unknown as ImapSettings,
    secret: JSON.parse(opened.reveal()) as ImapSecret,
    secretVersion: stored.secretVersion,
  };
}
