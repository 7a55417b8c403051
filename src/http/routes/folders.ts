import { Type } from 'typebox';
import { One, Page } from '../../model/envelope.ts';
import { Folder } from '../../model/folder.ts';
import { notFound } from '../../platform/errors.ts';
import { getFolderRow, listFolderRows } from '../../store/reads/folder-rows.ts';
import { one, page } from '../answer.ts';
import { toFolder } from '../content/shapes.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import type { ReadParts } from './read-parts.ts';

const DEFAULT_LIMIT = 50;

export function folderRoutes({ cursors }: ReadParts): Route[] {
  return [
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/folders',
      summary: 'The folders of a mailbox',
      tag: 'Folders',
      query: Type.Object(PageQuery(DEFAULT_LIMIT)),
      response: Page(Folder),
      handle: ({ query, inGrant }) =>
        inGrant(async (sql, scope) => {
          const cursorScope = { ...scope, resource: 'folders', query };
          const position = cursors.read(cursorScope, query.page_token);
          const limit = query.limit ?? DEFAULT_LIMIT;
          const rows = await listFolderRows(sql, scope, position && String(position[0]), limit + 1);
          const shown = rows.slice(0, limit);
          const next = rows.length > limit ? cursors.issue(cursorScope, [shown.at(-1)!.path]) : undefined;
          return page(
            shown.map((row) => toFolder(scope.grantId, row)),
            { next_cursor: next },
          );
        }),
    }),
    grantRoute({
      method: 'GET',
      path: '/v3/grants/:grant_id/folders/:id',
      summary: 'One folder',
      tag: 'Folders',
      query: Type.Object({ select: PageQuery(DEFAULT_LIMIT).select }),
      response: One(Folder),
      handle: ({ params, inGrant }) =>
        inGrant(async (sql, scope) => {
          const row = await getFolderRow(sql, scope, params.id);
          if (!row) throw notFound();
          return one(toFolder(scope.grantId, row));
        }),
    }),
  ];
}
