/** Lines written as Markdown (CommonMark, with the tables and struck text of GFM). */

import type { Line, Run } from './line.ts';
import { type Shown, visible } from './shown.ts';

/** Addresses that a link of ours leads to. */
const SAFE_LINK = /^(?:https?:\/\/|mailto:|tel:)\S/i;
const SAFE_IMAGE = /^(?:https?:\/\/|cid:)\S/i;

export function markdownOf(lines: Line[], shown: Shown): string {
  const out: string[] = [];
  let inCode = false;
  for (const [index, line] of lines.entries()) {
    const { citations, indent, code } = line.place;
    const margin = `${'> '.repeat(citations)}${' '.repeat(Math.max(0, indent - line.bullet.length))}`;
    if (code !== inCode) {
      out.push(`${margin}\`\`\``);
      inCode = code;
    }
    const content = contentOf(line, shown);
    const breaks = content !== '' && goesOn(line, lines[index + 1]) ? '  ' : '';
    out.push(`${margin}${content}`.trimEnd() + breaks);
    if (line.columns > 0 && shown.tables) out.push(`${margin}|${' --- |'.repeat(line.columns)}`);
  }
  if (inCode) out.push('```');
  return out.join('\n');
}

function contentOf(line: Line, shown: Shown): string {
  if (line.rule) return '---';
  if (line.cells) {
    const cells = line.cells.map((runs) => inline(runs, shown));
    if (!shown.tables) return cells.filter(Boolean).join(' ');
    const missing = Math.max(0, line.columns - cells.length);
    return `| ${[...cells.map((cell) => cell.replaceAll('|', '\\|')), ...Array<string>(missing).fill('')].join(' | ')} |`;
  }
  if (line.place.code) return line.runs.map((run) => run.text).join('');
  const text = inline(line.runs, shown, line.place.preformatted);
  if (line.place.heading > 0) return text && `${'#'.repeat(line.place.heading)} ${text}`;
  return line.bullet + startEscaped(text);
}

/** Whether the next line belongs to the same paragraph, so that the end of this one has to be said. */
function goesOn(line: Line, next: Line | undefined): boolean {
  if (!next || next.text === '' || next.bullet || next.rule || next.cells || line.cells || line.rule)
    return false;
  const { place } = line;
  if (place.heading || place.code || next.place.heading || next.place.code) return false;
  return place.citations === next.place.citations;
}

const STYLES = ['href', 'strike', 'bold', 'italic', 'code'] as const;
type Style = (typeof STYLES)[number];
const MARKS = { strike: '~~', bold: '**', italic: '*', code: '`' };

/** Runs of one line with their looks, which go around as much text as they can. */
function inline(runs: Run[], shown: Shown, keepsIndent = false): string {
  const text = styled(runs, [], shown);
  return keepsIndent ? text.trimEnd() : text.trim();
}

/** `open` are the looks that stand around already. Of several, the one that reaches furthest goes outside. */
function styled(runs: Run[], open: Style[], shown: Shown): string {
  let out = '';
  for (let at = 0; at < runs.length; ) {
    let style: Style | null = null;
    let end = at + 1;
    for (const candidate of STYLES) {
      if (!runs[at]!.look[candidate] || open.includes(candidate)) continue;
      const reach = reachOf(runs, at, candidate);
      if (style !== null && reach <= end) continue;
      style = candidate;
      end = reach;
    }
    out += style ? wrapped(runs.slice(at, end), style, open, shown) : plainRun(runs[at]!);
    at = end;
  }
  return out;
}

/** Where the runs end that share a look with the one at `at`. */
function reachOf(runs: Run[], at: number, style: Style): number {
  const value = runs[at]!.look[style];
  let end = at + 1;
  while (end < runs.length && runs[end]!.look[style] === value) end++;
  return end;
}

function wrapped(runs: Run[], style: Style, open: Style[], shown: Shown): string {
  const inner =
    style === 'code' ? visible(runs.map((run) => run.text).join('')) : styled(runs, [...open, style], shown);
  const words = inner.trim();
  if (words === '') return inner;
  const lead = inner.slice(0, inner.length - inner.trimStart().length);
  const trail = inner.slice(inner.trimEnd().length);
  if (style === 'code') return lead + codeSpan(words) + trail;
  if (style !== 'href') return `${lead}${MARKS[style]}${words}${MARKS[style]}${trail}`;
  const href = runs[0]!.look.href!.trim();
  if (!shown.links || !SAFE_LINK.test(href)) return inner;
  const plain = runs
    .map((run) => run.text)
    .join('')
    .trim();
  if (plain === href && !/[<>\s]/.test(href)) return `${lead}<${href}>${trail}`;
  return `${lead}[${words}](${address(href)})${trail}`;
}

/** CommonMark 6.1: as many backticks around as stand nowhere inside. */
function codeSpan(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, ticks) => Math.max(most, ticks.length), 0);
  const fence = '`'.repeat(longest + 1);
  return longest > 0 ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}

function plainRun(run: Run): string {
  if (run.image === undefined) return escaped(run.text);
  const alt = escaped(run.text);
  return SAFE_IMAGE.test(run.image) ? `![${alt}](${address(run.image)})` : alt;
}

/** What would end the address or the line. */
function address(url: string): string {
  return url.replace(/[\s()<>\\]/g, (char) => encodeURIComponent(char).replace(/[()]/g, percent));
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Text in which nothing is taken for Markdown. An underscore inside of a word needs no escape. */
function escaped(text: string): string {
  return visible(text)
    .replace(/[\\`*[\]<]/g, '\\$&')
    .replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replace(/~~/g, '\\~\\~')
    .replace(/&(?=#?\w{1,31};)/g, '\\&');
}

/** Signs that make something of a line when they begin it. Lists that are written by hand stay lists. */
function startEscaped(text: string): string {
  return /^\s{0,3}(?:#{1,6}(?:\s|$)|>|={2,}\s*$|-{2,}\s*$|\+{3})/.test(text)
    ? text.replace(/[#>=+-]/, '\\$&')
    : text;
}
