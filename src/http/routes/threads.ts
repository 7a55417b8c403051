import { Type } from 'typebox';
import { normalizeAddress } from '../../mail/address.ts';
import { One, Page } from '../../model/envelope.ts';
import { Thread } from '../../model/thread.ts';
import { notFound } from '../../platform/errors.ts';
import { getThreadRow, listThreadRows } from '../../store/reads/thread-rows.ts';
import { one, page } from '../answer.ts';
import { checkFolders } from '../content/folders.ts';
import { toThreads } from '../content/threads.ts';
import { CommaList, PageQuery, RepeatedList } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import { wants } from '../select.ts';
import type { ReadParts } from './read-parts.ts';

const DEFAULT_LIMIT = 20;

const ListQuery = Type.Object({
  ...PageQuery(DEFAULT_LIMIT),
  in: Type.Optional(RepeatedList({ maxItems: 50, description: 'Folder ids' })),
  unread: Type.Optional(Type.Boolean()),
  starred: Type.Optional(Type.Boolean()),
  has_attachment: Type.Optional(Type.Boolean()),
  subject: Type.Optional(Type.String({ maxLength: 1000 })),
  any_email: Type.Optional(CommaList({ maxItems: 25 })),
  latest_message_after: Type.Optional(Type.Integer({ minimum: 0 })),
  latest_message_before: Type.Optional(Type.Integer({ minimum: 0 })),
});

export function threadRoutes({ cursors }: ReadParts): Route[] {
  return [
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/threads',
      summary: 'Conversations that match, newest first',
      tag: 'Threads',
      query: ListQuery,
      response: Page(Thread),
      handle: ({ query, principal, inGrant }) =>
        inGrant(async (sql, grant) => {
          const scope = { applicationId: principal.applicationId, grantId: grant.id };
          const cursorScope = { ...scope, resource: 'threads', query };
          const position = cursors.read(cursorScope, query.page_token);
          const after = position && { date: Number(position[0]), id: String(position[1]) };
          if (query.in) await checkFolders(sql, scope, query.in);
          const filter = {
            folderIds: query.in,
            unread: query.unread,
            starred: query.starred,
            hasAttachment: query.has_attachment,
            subject: query.subject,
            anyEmail: query.any_email?.map(normalizeAddress),
            latestAfter: query.latest_message_after,
            latestBefore: query.latest_message_before,
          };
          const limit = query.limit ?? DEFAULT_LIMIT;
          const rows = await listThreadRows(sql, scope, filter, after, limit + 1);
          const latest = wants(query.select, 'latest_draft_or_message');
          const threads = await toThreads(sql, scope, rows.slice(0, limit), latest);
          const last = rows[threads.length - 1];
          const next = last && threads.length < rows.length;
          return page(threads, {
            next_cursor: next ? cursors.issue(cursorScope, [last.latestDate, last.id]) : undefined,
          });
        }),
    }),
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/threads/:id',
      summary: 'One conversation',
      tag: 'Threads',
      query: Type.Object({ select: PageQuery(DEFAULT_LIMIT).select }),
      response: One(Thread),
      handle: ({ params, query, principal, inGrant }) =>
        inGrant(async (sql, grant) => {
          const scope = { applicationId: principal.applicationId, grantId: grant.id };
          const row = await getThreadRow(sql, scope, params.id);
          if (!row) throw notFound();
          const latest = wants(query.select, 'latest_draft_or_message');
          return one((await toThreads(sql, scope, [row], latest))[0]);
        }),
    }),
  ];
}
