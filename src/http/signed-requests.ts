import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../platform/errors.ts';
import type { Database } from '../store/database.ts';
import { findServiceAccount, type ServiceAccount, useNonce } from '../store/service-accounts.ts';
import type { Principal } from './auth.ts';

/** A timestamp may be this far off our clock, in seconds (contract 1.2). */
const WINDOW_SECONDS = 300;
/** A used nonce is kept this much longer than its timestamp counts: the clocks of processes may differ. In seconds. */
const NONCE_MARGIN_SECONDS = 120;
/** Clients send 20 characters (contract 1.2); shorter ones could meet by chance. */
const NONCE = /^[A-Za-z0-9_-]{16,128}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Base64 of an RSA signature of up to 8,192 bits. */
const SIGNATURE = /^[A-Za-z0-9+/]{64,1400}={0,2}$/;
/** Methods whose body is signed, when there is one. */
const SIGNED_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** A signature that has not been checked yet. */
export interface Claim {
  account: ServiceAccount;
  timestamp: number;
  nonce: string;
  signature: Buffer;
  /** The body as it came, once it is there. */
  body: Buffer | null;
}

/**
 * Reads the four headers of a request that a service account signed (contract 1.2), before its body is read. Throws
 * 401 for an unknown account, and for a time that is off.
 */
export async function readClaim(db: Database, request: FastifyRequest): Promise<Claim> {
  const header = (name: string) => {
    const value = request.headers[`x-nylas-${name}`.toLowerCase()];
    if (typeof value !== 'string' || value === '') {
      throw refused(
        `This request must be signed by a service account: the header X-Nylas-${name} is missing.`,
      );
    }
    return value;
  };
  const [kid, time, nonce, signature] = ['Kid', 'Timestamp', 'Nonce', 'Signature'].map(header) as [
    string,
    string,
    string,
    string,
  ];
  const timestamp = /^\d{1,12}$/.test(time) ? Number(time) : Number.NaN;
  if (!(Math.abs(Date.now() / 1000 - timestamp) <= WINDOW_SECONDS)) {
    throw refused('X-Nylas-Timestamp must be the time of the request, in Unix seconds, within five minutes.');
  }
  if (!NONCE.test(nonce)) throw refused('X-Nylas-Nonce must be 20 letters and digits.');
  const account = UUID.test(kid) ? await db.engine((sql) => findServiceAccount(sql, kid)) : undefined;
  if (!account || !SIGNATURE.test(signature)) throw badSignature();
  return { account, timestamp, nonce, signature: Buffer.from(signature, 'base64'), body: null };
}

/**
 * Checks the signature over method, path and the very bytes of the body, and uses the nonce up. Throws 401 when it is
 * not right, or the nonce has been used before, in whichever process.
 */
export async function checkClaim(db: Database, claim: Claim, request: FastifyRequest): Promise<Principal> {
  const { account, timestamp, nonce, signature, body } = claim;
  const text = signedText({
    method: request.method.toLowerCase(),
    nonce,
    path: (request.raw.url ?? '').split('?', 1)[0] ?? '',
    ...(body?.length && SIGNED_BODY.has(request.method) ? { payload: body.toString('utf8') } : {}),
    timestamp,
  });
  if (!verify('RSA-SHA256', Buffer.from(text), publicKey(account), signature)) throw badSignature();
  const expires = new Date((timestamp + WINDOW_SECONDS + NONCE_MARGIN_SECONDS) * 1000);
  if (!(await db.engine((sql) => useNonce(sql, account.id, nonce, expires)))) {
    throw refused('X-Nylas-Nonce was used before; each request needs a new one.');
  }
  return { applicationId: account.applicationId };
}

/** Canonical JSON: keys in their order, no white space. */
function signedText(envelope: Record<string, string | number>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(envelope).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function publicKey(account: ServiceAccount): KeyObject {
  return createPublicKey(account.publicKey);
}

function badSignature(): ApiError {
  return refused('The signature of the request is not valid.');
}

function refused(message: string): ApiError {
  return new ApiError('api.authentication_error', message);
}
