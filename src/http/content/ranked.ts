import type { Sql } from '../../store/database.ts';
import type { Narrowing } from '../../store/reads/newest-matches.ts';
import { type Place, START } from '../../store/reads/place.ts';
import {
  newestRanked,
  type RankedMatch,
  rankedBetween,
  type Search,
} from '../../store/reads/ranked-matches.ts';
import type { Scope } from '../../store/scope.ts';
import type { Position } from '../pagination.ts';

/**
 * Matches that are ranked against each other: the newest of those that are left. So a word that half of the mailbox
 * holds costs no more than one that is rare, and all of it can be reached page by page.
 */
const BLOCK = 1_000;

/** What a page shows: a message or a thread, by its rank. */
export interface Ranked extends Place {
  score: number;
}

export interface RankedPage {
  items: Ranked[];
  /** Where a page goes on that ends behind the first `count` of these; undefined when nothing follows. */
  behind(count: number): Position | undefined;
}

/** Tells what must hold of a match; `shown`: where the matches lie that earlier blocks have shown, both ends included. */
export type Narrow = (shown: { from: Place; upTo: Place } | null) => Narrowing;

/**
 * One page of a search, behind `position`. A block keeps its bounds in the cursor from its first page on, so that
 * mail which arrives meanwhile moves nothing across them.
 */
export async function rankedPage(
  sql: Sql,
  scope: Scope,
  search: Search,
  narrow: Narrow,
  gather: (matches: RankedMatch[]) => Ranked[],
  position: Position | null,
  limit: number,
): Promise<RankedPage> {
  const cursor = position && readPosition(position);
  const block = await openBlock(sql, scope, search, narrow, cursor);
  if (!block) return { items: [], behind: () => undefined };
  const all = gather(block.matches).sort(byRank);
  const after = cursor?.block?.after;
  const next = after ? all.findIndex((item) => byRank(item, after) > 0) : 0;
  const from = next < 0 ? all.length : next;
  return {
    items: all.slice(from, from + limit),
    behind: (count) => {
      const last = all[from + count - 1];
      if (last && from + count < all.length)
        return positionOf({ ...block, block: { ...block, after: last } });
      return block.more ? positionOf({ newest: block.newest, edge: block.bottom }) : undefined;
    },
  };
}

/** Where a page begins: at the block below the edge, or behind one of the items of a block. */
interface Cursor {
  /** The newest match of the first block. */
  newest: Place;
  /** The last match of the block before; null in the first. */
  edge: Place | null;
  block?: { top: Place; bottom: Place; more: boolean; after: Ranked };
}

interface Block {
  newest: Place;
  edge: Place | null;
  top: Place;
  bottom: Place;
  /** There are matches below the block. */
  more: boolean;
  matches: RankedMatch[];
}

async function openBlock(
  sql: Sql,
  scope: Scope,
  search: Search,
  narrow: Narrow,
  cursor: Cursor | null,
): Promise<Block | null> {
  const edge = cursor?.edge ?? null;
  const narrowing = narrow(cursor && edge && { from: edge, upTo: cursor.newest });
  if (cursor?.block) {
    const { top, bottom } = cursor.block;
    const matches = await rankedBetween(sql, scope, narrowing, search, top, bottom);
    return { ...cursor, ...cursor.block, matches };
  }
  const matches = await newestRanked(sql, scope, narrowing, search, edge, BLOCK + 1);
  const more = matches.length > BLOCK;
  if (more) matches.pop();
  const [top] = matches;
  const bottom = matches.at(-1);
  return top && bottom ? { newest: cursor?.newest ?? top, edge, top, bottom, more, matches } : null;
}

function positionOf({ newest, edge, block }: Cursor): Position {
  const start = [...pair(newest), ...pair(edge ?? START)];
  if (!block) return start;
  const { top, bottom, more, after } = block;
  return [...start, ...pair(top), ...pair(bottom), Number(more), after.score, ...pair(after)];
}

function readPosition(position: Position): Cursor {
  const place = (at: number): Place => ({ date: Number(position[at]), id: String(position[at + 1]) });
  const edge = place(2).date === START.date ? null : place(2);
  if (position.length === 4) return { newest: place(0), edge };
  const after = { score: Number(position[9]), ...place(10) };
  return {
    newest: place(0),
    edge,
    block: { top: place(4), bottom: place(6), more: position[8] === 1, after },
  };
}

function pair({ date, id }: Place): [number, string] {
  return [date, id];
}

/** Best first, then newest first. */
function byRank(a: Ranked, b: Ranked): number {
  return b.score - a.score || b.date - a.date || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}
