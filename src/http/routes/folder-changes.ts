import { Type } from 'typebox';
import type { ChangeContext } from '../../changes/context.ts';
import { createFolder, deleteFolder, updateFolder } from '../../changes/folders.ts';
import { Done, One } from '../../model/envelope.ts';
import { Folder, FolderCreate, FolderUpdate } from '../../model/folder.ts';
import { notFound } from '../../platform/errors.ts';
import type { Sql } from '../../store/database.ts';
import { getFolderRow } from '../../store/reads/folder-rows.ts';
import type { Scope } from '../../store/scope.ts';
import { type Answer, done, one } from '../answer.ts';
import { toFolder } from '../content/shapes.ts';
import { PageQuery } from '../query.ts';
import { grantRoute, type Route } from '../route.ts';
import { HardDelete } from './hard-delete.ts';

const Select = Type.Object({ select: PageQuery(50).select });

export function folderChangeRoutes({ changes }: { changes: ChangeContext }): Route[] {
  return [
    grantRoute({
      method: 'POST',
      path: '/v3/grants/:grant_id/folders',
      summary: 'Make a folder',
      tag: 'Folders',
      differs: 'Colours are accepted and not kept: IMAP folders have none.',
      query: Select,
      body: FolderCreate,
      response: One(Folder),
      async handle({ body, grantScope, inGrant }) {
        const scope = await grantScope();
        const { name, parent_id } = body;
        const id = await createFolder(changes, scope, { name, parentId: parent_id ?? null });
        return inGrant((sql) => shown(sql, scope, id));
      },
    }),
    grantRoute({
      method: 'PUT',
      path: '/v3/grants/:grant_id/folders/:id',
      summary: 'Rename or move a folder',
      tag: 'Folders',
      differs: 'A name without a delimiter renames the folder below its parent; colours are not kept.',
      query: Select,
      body: FolderUpdate,
      response: One(Folder),
      async handle({ params, body, grantScope, inGrant }) {
        const scope = await grantScope();
        await updateFolder(changes, scope, params.id, { name: body.name, parentId: body.parent_id });
        return inGrant((sql) => shown(sql, scope, params.id));
      },
    }),
    grantRoute({
      method: 'DELETE',
      path: '/v3/grants/:grant_id/folders/:id',
      summary: 'Delete a folder; its messages go to Trash',
      tag: 'Folders',
      differs:
        'Messages that lie only in it are moved to Trash, or removed for good with `hard_delete` where the operator allows it. A folder that has others below it is refused, and so is a system folder.',
      query: HardDelete,
      response: Done,
      async handle({ params, query, grantScope }) {
        const scope = await grantScope();
        await deleteFolder(changes, scope, params.id, query.hard_delete === true);
        return done();
      },
    }),
  ];
}

async function shown(sql: Sql, scope: Scope, id: string): Promise<Answer> {
  const row = await getFolderRow(sql, scope, id);
  if (!row) throw notFound();
  return one(toFolder(scope.grantId, row));
}
