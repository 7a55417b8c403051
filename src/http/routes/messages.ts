import { type Static, Type } from 'typebox';
import { One, Page } from '../../model/envelope.ts';
import { Message, MessageFields, RawMessage } from '../../model/message.ts';
import { notFound } from '../../platform/errors.ts';
import type { Sql } from '../../store/database.ts';
import type { MessageFilter } from '../../store/reads/message-filter.ts';
import { getRawPlaces, type MessageRow, type RawPlace } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';
import { one, page, written } from '../answer.ts';
import type { WantedParts } from '../content/bodies.ts';
import { checkFolders } from '../content/folders.ts';
import { messageWithBody, pageOfMessages, withBodies } from '../content/messages.ts';
import { readMetadataPairs } from '../content/metadata-pairs.ts';
import { foundByProvider } from '../content/native-search.ts';
import { openRawItems, withinBudget } from '../content/raw-items.ts';
import { writeRaw } from '../content/raw-json.ts';
import { readSearch } from '../content/search.ts';
import { PageQuery, RepeatedList } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import { wants } from '../select.ts';
import { NativeText, PeopleQuery, SearchText, SubjectText, toPeople } from './mail-filters.ts';
import type { ReadParts } from './read-parts.ts';

const ListQuery = Type.Object({
  ...PageQuery(50),
  fields: Type.Optional(MessageFields),
  in: Type.Optional(RepeatedList({ maxItems: 50, description: 'Folder ids' })),
  thread_id: Type.Optional(Type.String()),
  unread: Type.Optional(Type.Boolean()),
  starred: Type.Optional(Type.Boolean()),
  has_attachment: Type.Optional(Type.Boolean()),
  subject: SubjectText(),
  ...PeopleQuery,
  received_after: Type.Optional(Type.Integer({ minimum: 0 })),
  received_before: Type.Optional(Type.Integer({ minimum: 0 })),
  metadata_pair: Type.Optional(RepeatedList({ maxItems: 5, description: 'key1:value; key1 to key5' })),
  q: SearchText(),
  search_query_native: NativeText(),
  query_imap: Type.Optional(
    Type.Boolean({
      description:
        'Asks the mail server first, so that what came or went just now counts. Needs one folder in `in`, and `folders` names only that one',
    }),
  ),
});

const GetQuery = Type.Object({
  query_imap: Type.Optional(Type.Boolean({ description: 'Makes no difference: the store has all mail' })),
  fields: Type.Optional(MessageFields),
  select: PageQuery(50).select,
});

type ListFilters = Static<typeof ListQuery>;

export function messageRoutes({ cursors, originals, search: native }: ReadParts): Route[] {
  return [
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/messages',
      summary: 'Messages that match, newest first',
      tag: 'Messages',
      query: ListQuery,
      response: Type.Union([Page(Message), Page(RawMessage)]),
      errors: [422, 503, 504],
      differs:
        '`query_imap` asks the server what is new in the folder, waits for it, and lists the folder whole, not its last 90 days; `metadata_pair` goes together with other filters; `q` is a full text search of our own (of a very long mail the first 400,000 characters, and at most some 600 KB of different words); `search_query_native` takes no message numbers, which mean nothing outside of an IMAP session; drafts are among the messages, as messages.',
      async handle({ query, inGrant }) {
        const ids = await foundByProvider(native, query, inGrant);
        const filter = { ...toFilter(query), ids };
        const search = query.q === undefined ? null : readSearch('q', query.q);
        const limit = query.limit ?? 50;
        const raw = query.fields === 'raw_mime';
        const read = await inGrant(async (sql, scope) => {
          const cursorScope = { ...scope, resource: 'messages', query };
          const position = cursors.read(cursorScope, query.page_token);
          if (query.in) await checkFolders(sql, scope, query.in);
          const { rows, behind } = await pageOfMessages(sql, scope, filter, search, position, limit);
          const only = query.query_imap ? query.in : undefined;
          const narrowed = only ? rows.map((row) => ({ ...row, folderIds: only })) : rows;
          const messages = raw ? [] : await withBodies(sql, scope, narrowed, wantedParts(query));
          const shown = raw ? withinBudget(rows) : rows.slice(0, messages.length);
          const places = raw ? await rawPlaces(sql, scope, shown) : [];
          const next = behind(shown.length);
          return { scope, messages, places, next_cursor: next && cursors.issue(cursorScope, next) };
        });
        const { scope, messages, places, next_cursor } = read;
        if (!raw) return page(messages, { next_cursor });
        const wanted = wants(query.select, 'raw_mime');
        return written(async (requestId, signal) => {
          const items = await openRawItems(originals, scope, places, wanted, signal);
          return writeRaw(requestId, items, query.select, { next_cursor });
        });
      },
    }),
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/messages/:id',
      summary: 'One message',
      tag: 'Messages',
      query: GetQuery,
      response: Type.Union([One(Message), One(RawMessage)]),
      async handle({ params, query, inGrant }) {
        if (query.fields !== 'raw_mime') {
          return inGrant(async (sql, scope) =>
            one(await messageWithBody(sql, scope, params.id, wantedParts(query))),
          );
        }
        const { scope, place } = await inGrant(async (sql, within) => {
          return { scope: within, place: (await getRawPlaces(sql, within, [params.id])).get(params.id) };
        });
        if (!place) throw notFound();
        const wanted = wants(query.select, 'raw_mime');
        return written(async (requestId, signal) => {
          const items = await openRawItems(originals, scope, [place], wanted, signal);
          return writeRaw(requestId, items[0]!, query.select);
        });
      },
    }),
  ];
}

async function rawPlaces(sql: Sql, scope: Scope, rows: MessageRow[]): Promise<RawPlace[]> {
  const ids = rows.map((row) => row.id);
  const places = await getRawPlaces(sql, scope, ids);
  return ids.flatMap((id) => places.get(id) ?? []);
}

function wantedParts(query: { fields?: MessageFields; select?: string[] }): WantedParts {
  const headers =
    query.fields === 'include_headers' ? 'all' : query.fields === 'include_basic_headers' ? 'basic' : 'none';
  return {
    body: wants(query.select, 'body'),
    headers: wants(query.select, 'headers') ? headers : 'none',
    tracking: query.fields === 'include_tracking_options',
  };
}

function toFilter(query: ListFilters): MessageFilter {
  return {
    folderIds: query.in,
    threadId: query.thread_id,
    unread: query.unread,
    starred: query.starred,
    hasAttachment: query.has_attachment,
    subject: query.subject,
    ...toPeople(query),
    receivedAfter: query.received_after,
    receivedBefore: query.received_before,
    metadata: query.metadata_pair && readMetadataPairs(query.metadata_pair),
  };
}
