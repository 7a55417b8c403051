/** A place in a list that goes newest first: behind everything newer, and behind what is equal with a higher id. */
export interface Place {
  date: number;
  id: string;
}

/** Before the newest of all. */
export const START: Place = { date: Number.MAX_SAFE_INTEGER, id: '' };

/** The place at which a list begins that holds only what is older than `before` (unix seconds). */
export function placeBelow(after: Place, before: number | undefined): Place {
  return before !== undefined && before <= after.date ? { date: before, id: '' } : after;
}
