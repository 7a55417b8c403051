import { type Static, Type } from 'typebox';
import { One, Page } from '../../model/envelope.ts';
import { Thread } from '../../model/thread.ts';
import { notFound } from '../../platform/errors.ts';
import type { ThreadFilter } from '../../store/reads/thread-list.ts';
import { getThreadRow } from '../../store/reads/thread-rows.ts';
import { one, page } from '../answer.ts';
import { checkFolders } from '../content/folders.ts';
import { foundByProvider } from '../content/native-search.ts';
import { readSearch } from '../content/search.ts';
import { pageOfThreads, toThreads } from '../content/threads.ts';
import { PageQuery, RepeatedList } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import { wants } from '../select.ts';
import { NativeText, PeopleQuery, SearchText, SubjectText, toPeople } from './mail-filters.ts';
import type { ReadParts } from './read-parts.ts';

const DEFAULT_LIMIT = 20;

const ListQuery = Type.Object({
  ...PageQuery(DEFAULT_LIMIT),
  in: Type.Optional(RepeatedList({ maxItems: 50, description: 'Folder ids' })),
  unread: Type.Optional(Type.Boolean()),
  starred: Type.Optional(Type.Boolean()),
  has_attachment: Type.Optional(Type.Boolean()),
  subject: SubjectText(),
  ...PeopleQuery,
  latest_message_after: Type.Optional(Type.Integer({ minimum: 0 })),
  latest_message_before: Type.Optional(Type.Integer({ minimum: 0 })),
  earliest_message_date: Type.Optional(
    Type.Integer({ minimum: 0, description: 'The first message came then or later' }),
  ),
  q: SearchText(),
  search_query_native: NativeText(),
});

type ListFilters = Static<typeof ListQuery>;

export function threadRoutes({ cursors, search: native }: ReadParts): Route[] {
  return [
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/threads',
      summary: 'Conversations that match, newest first',
      tag: 'Threads',
      query: ListQuery,
      response: Page(Thread),
      errors: [422, 503, 504],
      handle: async ({ query, inGrant }) => {
        const messageIds = await foundByProvider(native, query, inGrant);
        const filter = { ...toFilter(query), messageIds };
        const search = query.q === undefined ? null : readSearch('q', query.q);
        return inGrant(async (sql, scope) => {
          const cursorScope = { ...scope, resource: 'threads', query };
          const position = cursors.read(cursorScope, query.page_token);
          if (query.in) await checkFolders(sql, scope, query.in);
          const limit = query.limit ?? DEFAULT_LIMIT;
          const { rows, behind } = await pageOfThreads(sql, scope, filter, search, position, limit);
          const latest = wants(query.select, 'latest_draft_or_message');
          const threads = await toThreads(sql, scope, rows, latest);
          const next = behind(threads.length);
          return page(threads, { next_cursor: next && cursors.issue(cursorScope, next) });
        });
      },
    }),
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/threads/:id',
      summary: 'One conversation',
      tag: 'Threads',
      query: Type.Object({ select: PageQuery(DEFAULT_LIMIT).select }),
      response: One(Thread),
      handle: ({ params, query, inGrant }) =>
        inGrant(async (sql, scope) => {
          const row = await getThreadRow(sql, scope, params.id);
          if (!row) throw notFound();
          const latest = wants(query.select, 'latest_draft_or_message');
          return one((await toThreads(sql, scope, [row], latest))[0]);
        }),
    }),
  ];
}

function toFilter(query: ListFilters): ThreadFilter {
  return {
    folderIds: query.in,
    unread: query.unread,
    starred: query.starred,
    hasAttachment: query.has_attachment,
    subject: query.subject,
    ...toPeople(query),
    latestAfter: query.latest_message_after,
    latestBefore: query.latest_message_before,
    earliestFrom: query.earliest_message_date,
  };
}
