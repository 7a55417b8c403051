/** One figure, what it is measured against in the same run on the same machine, and what it is to reach. */
export interface Result {
  what: string;
  ours: Figure;
  /** Null where a figure stands for itself. */
  reference: { what: string; figure: Figure } | null;
  goal: Goal | null;
}

export interface Figure {
  value: number;
  unit: string;
}

/** At least a ratio to the reference, or at most a figure in the unit of ours. */
type Goal = { ratio: number } | { most: number } | { mostRatio: number };

export function figure(value: number, unit: string): Figure {
  return { value, unit };
}

/** A table for people: figures, ratios, goals and whether they are reached. */
export function table(results: Result[]): string {
  const head = ['what', 'mailquay', 'reference', 'its figure', 'ratio', 'goal', 'reached'];
  const rows = results.map((result) => [
    result.what,
    written(result.ours),
    result.reference?.what ?? '',
    result.reference ? written(result.reference.figure) : '',
    result.reference ? ratioOf(result).toFixed(2) : '',
    result.goal ? goalText(result.goal, result.ours.unit) : '',
    result.goal ? (isReached(result, result.goal) ? 'yes' : 'no') : '',
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The value below which a share of the sorted values lies, by the nearest rank. */
export function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

function ratioOf({ ours, reference }: Result): number {
  return reference ? ours.value / reference.figure.value : Number.NaN;
}

function isReached(result: Result, goal: Goal): boolean {
  if ('most' in goal) return result.ours.value <= goal.most;
  return 'ratio' in goal ? ratioOf(result) >= goal.ratio : ratioOf(result) <= goal.mostRatio;
}

function goalText(goal: Goal, unit: string): string {
  if ('most' in goal) return `≤ ${goal.most} ${unit}`;
  return 'ratio' in goal ? `ratio ≥ ${goal.ratio}` : `ratio ≤ ${goal.mostRatio}`;
}

function written({ value, unit }: Figure): string {
  return `${value >= 100 ? Math.round(value) : value.toPrecision(3)} ${unit}`;
}
