/** Lines written as plain text. */

import type { Line, Run } from './line.ts';
import { type Shown, visible } from './shown.ts';

export function plainTextOf(lines: Line[], shown: Shown): string {
  return lines
    .map((line) => {
      const { citations, indent } = line.place;
      const margin = '> '.repeat(citations) + ' '.repeat(Math.max(0, indent - line.bullet.length));
      return `${margin}${line.bullet}${contentOf(line, shown)}`.trimEnd();
    })
    .join('\n');
}

function contentOf(line: Line, shown: Shown): string {
  if (line.rule) return '---';
  if (line.cells) {
    const cells = line.cells.map((runs) => textOf(runs, shown).trim());
    return shown.tables ? cells.join(' | ') : cells.filter(Boolean).join(' ');
  }
  const text = textOf(line.runs, shown);
  return line.place.preformatted ? text : text.trim();
}

function textOf(runs: Run[], shown: Shown): string {
  let out = '';
  for (const [index, run] of runs.entries()) {
    out += run.image === undefined ? visible(run.text) : imageOf(run, shown);
    const { href } = run.look;
    if (href !== null && runs[index + 1]?.look.href !== href && shown.links) out += addressOf(runs, index);
  }
  return out;
}

/** Where the link that ends with a run leads, unless its words say so. */
function addressOf(runs: Run[], last: number): string {
  const href = runs[last]!.look.href!;
  let first = last;
  while (first > 0 && runs[first - 1]!.look.href === href) first--;
  const words = runs
    .slice(first, last + 1)
    .map((run) => run.text)
    .join('')
    .trim();
  const address = href.trim().replace(/^mailto:/i, '');
  return address === '' || address.startsWith('#') || words === address || words === href.trim()
    ? ''
    : ` (${address})`;
}

function imageOf(run: Run, shown: Shown): string {
  const isEmbedded = run.image!.startsWith('data:');
  if (!shown.imagesAsMarkdown) return run.text || (isEmbedded ? '' : run.image!);
  return isEmbedded ? run.text : `![${run.text}](${run.image})`;
}
