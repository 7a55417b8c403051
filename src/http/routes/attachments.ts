import { Type } from 'typebox';
import { Attachment } from '../../model/attachment.ts';
import { One } from '../../model/envelope.ts';
import { notFound } from '../../platform/errors.ts';
import type { Sql } from '../../store/database.ts';
import { getMessageRow, getRawPlaces, type StoredAttachment } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';
import { download, one } from '../answer.ts';
import { downloadHeaders } from '../content/disposition.ts';
import { toAttachment } from '../content/shapes.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import type { ReadParts } from './read-parts.ts';

/** Taken and without effect: what is not stored comes from the provider in any case. */
const QueryImap = Type.Optional(Type.Boolean());

const MessageId = Type.String({ minLength: 1, description: 'The message that the attachment belongs to' });

export function attachmentRoutes({ originals }: ReadParts): Route[] {
  return [
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/attachments/:id',
      summary: 'What an attachment is',
      tag: 'Attachments',
      query: Type.Object({ message_id: MessageId, query_imap: QueryImap, select: PageQuery(50).select }),
      response: One(Attachment),
      handle: ({ params, query, inGrant }) =>
        inGrant(async (sql, scope) =>
          one(toAttachment(scope.grantId, await findAttachment(sql, scope, query.message_id, params.id))),
        ),
    }),
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/attachments/:id/download',
      summary: 'The bytes of an attachment',
      tag: 'Attachments',
      contentType: '*/*',
      query: Type.Object({ message_id: MessageId, query_imap: QueryImap }),
      async handle({ params, query, inGrant }) {
        const { scope, attachment, place } = await inGrant(async (sql, within) => {
          const stored = await findAttachment(sql, within, query.message_id, params.id);
          const places = await getRawPlaces(sql, within, [query.message_id]);
          return { scope: within, attachment: stored, place: places.get(query.message_id) };
        });
        if (!place) throw notFound();
        const { filename, content_type } = toAttachment(scope.grantId, attachment);
        return download(downloadHeaders({ filename, contentType: content_type }), (signal) =>
          originals.attachment(scope, place, attachment, signal),
        );
      },
    }),
  ];
}

async function findAttachment(
  sql: Sql,
  scope: Scope,
  messageId: string,
  attachmentId: string,
): Promise<StoredAttachment> {
  const message = await getMessageRow(sql, scope, messageId);
  const attachment = message?.attachments.find((candidate) => candidate.id === attachmentId);
  if (!attachment) throw notFound();
  return attachment;
}
