import { Type } from 'typebox';
import type { ChangeContext } from '../../changes/context.ts';
import { deleteThread, updateThread } from '../../changes/messages.ts';
import { Done, One } from '../../model/envelope.ts';
import { ThreadUpdate } from '../../model/message-update.ts';
import { Thread } from '../../model/thread.ts';
import { notFound } from '../../platform/errors.ts';
import { getThreadRow } from '../../store/reads/thread-rows.ts';
import { done, one } from '../answer.ts';
import { toThreads } from '../content/threads.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import { HardDelete } from './hard-delete.ts';

export function threadChangeRoutes({ changes }: { changes: ChangeContext }): Route[] {
  return [
    grantRoute({
      method: 'PUT',
      path: '/v3/grants/:grant_id/threads/:id',
      summary: 'Change every message of a thread',
      tag: 'Threads',
      differs: 'Drafts stay in their folder when a thread is moved.',
      query: Type.Object({ select: PageQuery(20).select }),
      body: ThreadUpdate,
      response: One(Thread),
      async handle({ params, body, grantScope, inGrant }) {
        const scope = await grantScope();
        await updateThread(changes, scope, params.id, body);
        return inGrant(async (sql) => {
          const row = await getThreadRow(sql, scope, params.id);
          if (!row) throw notFound();
          return one((await toThreads(sql, scope, [row], true))[0]);
        });
      },
    }),
    grantRoute({
      method: 'DELETE',
      path: '/v3/grants/:grant_id/threads/:id',
      summary: 'Move a thread to Trash',
      tag: 'Threads',
      query: HardDelete,
      response: Done,
      async handle({ params, query, grantScope }) {
        const scope = await grantScope();
        await deleteThread(changes, scope, params.id, query.hard_delete === true);
        return done();
      },
    }),
  ];
}
