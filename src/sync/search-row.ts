import { ownerKeys, type SearchDocument } from '../mail/search/document.ts';
import type { SearchRow } from '../store/search-writes.ts';

/** A search document with the keys of its owner. */
export function searchRow(
  grantId: string,
  { id, date }: { id: string; date: number },
  { subject, vector }: SearchDocument,
): SearchRow {
  const document = Buffer.from(vector, 'utf8');
  return { messageId: id, date, subject, document, owner: ownerKeys(grantId, date) };
}
