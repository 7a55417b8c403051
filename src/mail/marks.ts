/** Normalization sorts each run of marks in quadratic time; no writing needs as many on one letter. */
const PILES_OF_MARKS = /(\p{M}{8})\p{M}+/gu;

/** The text with at most eight combining marks in a row, so that normalizing it takes linear time. */
export function withoutPilesOfMarks(text: string): string {
  return text.replace(PILES_OF_MARKS, '$1');
}
