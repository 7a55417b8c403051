import { invalidRequest } from '../../platform/errors.ts';
import type { Sql } from '../../store/database.ts';
import { existingFolderIds } from '../../store/reads/folder-rows.ts';
import type { Scope } from '../../store/scope.ts';

/** Refuses what is no folder id of the grant: names such as `inbox` are not ids (contract 5.2). */
export async function checkFolders(sql: Sql, scope: Scope, ids: string[]): Promise<void> {
  const found = await existingFolderIds(sql, scope, ids);
  if (ids.some((id) => !found.has(id))) {
    throw invalidRequest(
      'in',
      'is not the id of a folder of this grant; list the folders to learn their ids',
    );
  }
}
