import type { MessageRow, RawPlace } from '../../store/reads/message-rows.ts';
import type { Scope } from '../../store/scope.ts';
import type { Originals } from './originals.ts';
import { PAGE_BUDGET_BYTES } from './page-budget.ts';
import type { RawItem } from './raw-json.ts';

/** As many rows from the start as have originals within the budget of a page, and at least one. */
export function withinBudget(rows: MessageRow[]): MessageRow[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    bytes += row.size;
    return index > 0 && bytes > PAGE_BUDGET_BYTES;
  });
  return end < 0 ? rows : rows.slice(0, end);
}

/** Opens originals one after the other; when one fails, those already open are let go. */
export async function openRawItems(
  originals: Originals,
  scope: Scope,
  places: RawPlace[],
  wanted: boolean,
  signal: AbortSignal,
): Promise<RawItem[]> {
  const items: RawItem[] = [];
  try {
    for (const place of places) {
      const raw = wanted ? await originals.message(scope, place, signal) : null;
      items.push({ id: place.messageId, grantId: scope.grantId, raw });
    }
    return items;
  } catch (error) {
    for (const item of items) item.raw?.stream.destroy();
    throw error;
  }
}
