import { Type } from 'typebox';
import type { ChangeContext } from '../../changes/context.ts';
import { deleteMessage, updateMessage } from '../../changes/messages.ts';
import { Done, One } from '../../model/envelope.ts';
import { Message } from '../../model/message.ts';
import { MessageUpdate } from '../../model/message-update.ts';
import { done, one } from '../answer.ts';
import { messageRow, withBodies } from '../content/messages.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import { HardDelete } from './hard-delete.ts';

export function messageChangeRoutes({ changes }: { changes: ChangeContext }): Route[] {
  return [
    grantRoute({
      method: 'PUT',
      path: '/v3/grants/:grant_id/messages/:id',
      summary: 'Change flags, folders or metadata of a message',
      tag: 'Messages',
      query: Type.Object({ select: PageQuery(50).select }),
      body: MessageUpdate,
      response: One(Message),
      async handle({ params, body, grantScope, inGrant }) {
        const scope = await grantScope();
        await updateMessage(changes, scope, params.id, body);
        return inGrant(async (sql) => {
          const row = await messageRow(sql, scope, params.id);
          return one(
            (await withBodies(sql, scope, [row], { body: true, headers: 'none', tracking: false }))[0],
          );
        });
      },
    }),
    grantRoute({
      method: 'DELETE',
      path: '/v3/grants/:grant_id/messages/:id',
      summary: 'Move a message to Trash',
      tag: 'Messages',
      query: HardDelete,
      response: Done,
      async handle({ params, query, grantScope }) {
        const scope = await grantScope();
        await deleteMessage(changes, scope, params.id, query.hard_delete === true);
        return done();
      },
    }),
  ];
}
