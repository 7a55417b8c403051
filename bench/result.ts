/** One figure of ours and the reference it is measured against, in the same run on the same machine. */
export interface Result {
  what: string;
  unit: string;
  ours: number;
  reference: string;
  theirs: number;
}

/** A table for people: figures and ratios. */
export function table(results: Result[]): string {
  const rows = results.map((r) => [
    r.what,
    `${round(r.ours)} ${r.unit}`,
    r.reference,
    `${round(r.theirs)} ${r.unit}`,
    (r.ours / r.theirs).toFixed(2),
  ]);
  const head = ['what', 'mailquay', 'reference', 'its figure', 'ratio'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
