import type { Position } from '../pagination.ts';
import type { RankedPage } from './ranked.ts';

/** One page of rows, and where it goes on. */
export interface RowPage<Row> {
  rows: Row[];
  /** Where a page goes on that ends behind the first `count` rows; undefined when nothing follows. */
  behind(count: number): Position | undefined;
}

/** A page of rows in the order of their own places; one row more than the limit tells that there is a next page. */
export function newestRows<Row>(rows: Row[], limit: number, placeOf: (row: Row) => Position): RowPage<Row> {
  return {
    rows: rows.slice(0, limit),
    behind: (count) => {
      const last = rows[count - 1];
      return last && count < rows.length ? placeOf(last) : undefined;
    },
  };
}

/** A page of a search as rows. What was deleted since it was ranked leaves no row, and the page goes on behind it. */
export async function rankedRows<Row extends { id: string }>(
  { items, behind }: RankedPage,
  read: (ids: string[]) => Promise<Map<string, Row>>,
): Promise<RowPage<Row>> {
  const ids = items.map((item) => item.id);
  const found = await read(ids);
  const rows = ids.flatMap((id) => found.get(id) ?? []);
  return {
    rows,
    behind: (count) => behind(count < rows.length ? ids.indexOf(rows[count - 1]?.id ?? '') + 1 : ids.length),
  };
}
