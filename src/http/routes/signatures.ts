import { Type } from 'typebox';
import {
  changeSignature,
  createSignature,
  findSignature,
  removeSignature,
  safeSignature,
  toSignatureObject,
} from '../../connect/signatures.ts';
import { Done, One, Page } from '../../model/envelope.ts';
import { NewSignature, Signature, SignatureChange } from '../../model/signature.ts';
import { listSignatures } from '../../store/signatures.ts';
import { done, one, page } from '../answer.ts';
import type { Cursors } from '../pagination.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';

const DEFAULT_LIMIT = 50;
const SelectQuery = Type.Object({ select: PageQuery(DEFAULT_LIMIT).select });

export function signatureRoutes({ cursors }: { cursors: Cursors }): Route[] {
  return [
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/signatures',
      summary: "The mailbox's signatures",
      tag: 'Signatures',
      query: Type.Object(PageQuery(DEFAULT_LIMIT)),
      response: Page(Signature),
      handle: ({ query, inGrant }) =>
        inGrant(async (sql, scope) => {
          const cursorScope = { ...scope, resource: 'signatures', query };
          const position = cursors.read(cursorScope, query.page_token);
          const limit = query.limit ?? DEFAULT_LIMIT;
          const after = position && { createdAt: Number(position[0]), id: String(position[1]) };
          const rows = await listSignatures(sql, scope, after, limit + 1);
          const shown = rows.slice(0, limit);
          const last = shown.at(-1);
          return page(
            shown.map((row) => toSignatureObject(scope.grantId, row)),
            {
              next_cursor:
                last && rows.length > limit
                  ? cursors.issue(cursorScope, [last.createdAt, last.id])
                  : undefined,
            },
          );
        }),
    }),
    grantRoute({
      method: 'POST',
      path: '/v3/grants/:grant_id/signatures',
      summary: 'A new signature; its HTML is cleaned',
      tag: 'Signatures',
      status: 201,
      query: SelectQuery,
      body: NewSignature,
      response: One(Signature),
      async handle({ body, inGrant }) {
        const safe = safeSignature(body);
        return inGrant(async (sql, scope) => one(await createSignature(sql, scope, safe), { status: 201 }));
      },
    }),
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/signatures/:id',
      summary: 'One signature',
      tag: 'Signatures',
      query: SelectQuery,
      response: One(Signature),
      handle: ({ params, inGrant }) =>
        inGrant(async (sql, scope) => one(await findSignature(sql, scope, params.id))),
    }),
    grantRoute({
      method: 'PUT',
      path: '/v3/grants/:grant_id/signatures/:id',
      summary: 'Change a signature',
      tag: 'Signatures',
      query: SelectQuery,
      body: SignatureChange,
      response: One(Signature),
      async handle({ params, body, inGrant }) {
        const safe = safeSignature(body);
        return inGrant(async (sql, scope) => one(await changeSignature(sql, scope, params.id, safe)));
      },
    }),
    grantRoute({
      method: 'DELETE',
      path: '/v3/grants/:grant_id/signatures/:id',
      summary: 'Delete a signature',
      tag: 'Signatures',
      response: Done,
      handle: ({ params, inGrant }) =>
        inGrant(async (sql, scope) => {
          await removeSignature(sql, scope, params.id);
          return done();
        }),
    }),
  ];
}
