import { randomUUID } from 'node:crypto';
import { sanitizeSignature } from '../mail/signature-html.ts';
import {
  fitsSignature,
  type NewSignature,
  type Signature,
  type SignatureChange,
} from '../model/signature.ts';
import { invalidRequest, notFound } from '../platform/errors.ts';
import type { Sql } from '../store/database.ts';
import type { Scope } from '../store/scope.ts';
import {
  deleteSignature,
  getSignature,
  insertSignature,
  lockSignatures,
  type StoredSignature,
  updateSignature,
} from '../store/signatures.ts';

/** Contract 6.4. */
const MAX_SIGNATURES = 10;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Throws 404 for one that is unknown or another grant's. */
export async function findSignature(sql: Sql, scope: Scope, id: string): Promise<Signature> {
  const found = UUID.test(id) ? await getSignature(sql, scope, id) : undefined;
  if (!found) throw notFound();
  return toSignatureObject(scope.grantId, found);
}

/** What was asked for with its HTML made safe, to be stored. Throws 400 when nothing or too much is left. Not quick. */
export function safeSignature<Request extends SignatureChange>(request: Request): Request {
  if (request.body === undefined) return request;
  const body = sanitizeSignature(request.body).trim();
  if (body === '') throw invalidRequest('body', 'holds nothing that a signature may have');
  if (!fitsSignature(body)) throw invalidRequest('body', 'must not be longer than 100 KB once it is escaped');
  return { ...request, body };
}

/** Adds a signature made safe. Throws 400 for the eleventh of a grant, however many come at once. */
export async function createSignature(sql: Sql, scope: Scope, request: NewSignature): Promise<Signature> {
  const count = await lockSignatures(sql, scope);
  if (count === undefined) throw notFound();
  if (count >= MAX_SIGNATURES) {
    throw invalidRequest('name', `is one too many: a grant has at most ${MAX_SIGNATURES} signatures`);
  }
  const { name, body } = request;
  const stored = await insertSignature(sql, scope, {
    id: randomUUID(),
    name: name.trim(),
    body,
    now: new Date(),
  });
  return toSignatureObject(scope.grantId, stored);
}

/** Changes a signature by what was made safe; what is absent stays. Throws 404 as {@link findSignature} does. */
export async function changeSignature(
  sql: Sql,
  scope: Scope,
  id: string,
  { name, body }: SignatureChange,
): Promise<Signature> {
  if (name === undefined && body === undefined) return findSignature(sql, scope, id);
  const change = { name: name?.trim(), body, now: new Date() };
  const stored = UUID.test(id) ? await updateSignature(sql, scope, id, change) : undefined;
  if (!stored) throw notFound();
  return toSignatureObject(scope.grantId, stored);
}

export async function removeSignature(sql: Sql, scope: Scope, id: string): Promise<void> {
  if (!UUID.test(id) || !(await deleteSignature(sql, scope, id))) throw notFound();
}

export function toSignatureObject(grantId: string, signature: StoredSignature): Signature {
  return {
    id: signature.id,
    object: 'signature',
    grant_id: grantId,
    name: signature.name,
    body: signature.body,
    created_at: Math.floor(signature.createdAt / 1000),
    updated_at: Math.floor(signature.updatedAt / 1000),
  };
}
