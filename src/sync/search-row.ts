import { ownerKeys, type SearchDocument } from '../mail/search/document.ts';
import type { SearchRow } from '../store/search-writes.ts';

/** A search document with the keys of its owner. */
export function searchRow(
  grantId: string,
  { id, date }: { id: string; date: number },
  { subject, vector }: SearchDocument,
): SearchRow {
  return { messageId: id, date, subject, document: `${vector} ${ownerKeys(grantId, date)}` };
}
