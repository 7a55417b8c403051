import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { isName } from '../model/scalars.ts';
import { StartupError } from '../platform/errors.ts';
import type { Database } from '../store/database.ts';
import {
  insertServiceAccount,
  listServiceAccounts,
  revokeServiceAccount,
  type ServiceAccount,
} from '../store/service-accounts.ts';

/** What clients of this contract are given; good until 2030 (NIST SP 800-57, table 2). */
const RSA_BITS = 2048;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const generate = promisify(generateKeyPair);

/** What a client signs with; the SDK's signer takes `private_key_id` and `private_key` (PEM in base64) as they are. */
export interface ServiceAccountKey {
  type: 'service_account';
  private_key_id: string;
  private_key: string;
  application_id: string;
}

/** A new service account of an application. Its private key is in this answer and nowhere else. */
export async function createServiceAccount(
  db: Database,
  applicationId: string,
  name = 'service account',
): Promise<{ account: ServiceAccount; key: ServiceAccountKey }> {
  if (!isName(name))
    throw new StartupError('The name of a service account is one line of at most 100 characters.');
  const { publicKey, privateKey } = await generate('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const account = await db.engine((sql) =>
    insertServiceAccount(sql, { applicationId, name: name.trim(), publicKey }),
  );
  return {
    account,
    key: {
      type: 'service_account',
      private_key_id: account.id,
      private_key: Buffer.from(privateKey).toString('base64'),
      application_id: applicationId,
    },
  };
}

export function listAccounts(db: Database, applicationId: string): Promise<ServiceAccount[]> {
  return db.engine((sql) => listServiceAccounts(sql, applicationId));
}

/** From the commit on, no process takes a request that this account signed. */
export async function revokeAccount(db: Database, applicationId: string, id: string): Promise<void> {
  const revoked = UUID.test(id) && (await db.engine((sql) => revokeServiceAccount(sql, applicationId, id)));
  if (!revoked) {
    throw new StartupError(
      `This application has no valid service account ${id}. See: mailquay service-accounts list`,
    );
  }
}
