import { OPEN_TO_READERS } from './catalog.ts';

/** Which kind a table declares: `kind: scoped` and so on, in its comment. */
export type Kinds = Map<string, string>;

/** Functions whose value another node would not agree on. */
const VOLATILE =
  /\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|gen_random_uuid|uuidv7|nextval|setval|pg_current_xact_id|set_config)\s*\(|\b(CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIME(STAMP)?)\b/i;
const KEYWORDS = new Set(
  'where on set values select using join left right inner cross full natural order group limit for returning as union default do lateral having offset'.split(
    ' ',
  ),
);

interface Mention {
  table: string;
  alias: string;
  verb: string;
  /** The innermost pair of parentheses around it, and what lies in there. */
  block: string;
}

/** What of one statement breaks the sharding rules 4, 5, 6 and 7 (docs/decisions.md); nothing when it may go to a cluster. */
export function breachesOf(statement: string, kinds: Kinds): string[] {
  const sql = statement
    .replace(/--[^\n]*/g, ' ')
    .replace(/E?'(?:[^']|'')*'/g, "''")
    .replace(/\s+/g, ' ')
    .trim();
  const broken: string[] = [];
  if (/\bMERGE INTO\b/i.test(sql)) broken.push('MERGE');
  if (/\bON CONSTRAINT\b/i.test(sql)) broken.push('names a constraint');
  if (/\bset_config\s*\(/i.test(sql)) broken.push('set_config');

  // What only the run knows may be any table.
  const scoped = mentionsOf(sql).filter(
    ({ table }) => table.startsWith('«') || kinds.get(table) === 'scoped',
  );
  for (const mention of scoped) {
    if (mention.verb === 'INTO' ? !insertsGrant(sql, mention) : !isBound(sql, mention)) {
      broken.push(`${mention.table} without grant_id = $n`);
    }
  }
  if (scoped.length === 0) return broken;
  const open = scoped.filter(({ table, verb }) => table === OPEN_TO_READERS && readsFrom(verb));
  if (open.length > 0 && !joinsMessages(sql)) broken.push(`${OPEN_TO_READERS} without messages`);

  if (VOLATILE.test(sql)) broken.push('a volatile function');
  const [, set] = /\bDO UPDATE SET (.*?)(?:\bWHERE\b|\bRETURNING\b|$)/i.exec(sql) ?? [];
  if (set && /\(\s*SELECT\b/i.test(set)) broken.push('a subquery in an upsert');
  if (mentionsOf(sql).some(({ table }) => kinds.get(table) === 'queue')) broken.push('scoped with queue');
  return broken;
}

function readsFrom(verb: string): boolean {
  return verb !== 'INTO' && verb !== 'UPDATE';
}

/** What is found is looked up among the messages, which stand behind the wall, by both columns of their key. */
function joinsMessages(sql: string): boolean {
  return mentionsOf(sql)
    .filter(({ table }) => table === 'messages')
    .some(({ alias }) =>
      new RegExp(`(?<!\\w)(${alias}\\.id = \\w+\\.message_id|\\w+\\.message_id = ${alias}\\.id)(?!\\w)`).test(
        sql,
      ),
    );
}

function mentionsOf(sql: string): Mention[] {
  const pattern =
    /(\bFROM|\bJOIN|\bINTO|\bUPDATE|\bUSING|,)\s+(?:ONLY\s+)?(«\w+»|[a-z_]+)(?![\w.(])(?:(?=\s+(?:AS\s+)?([a-z_]+)\b)|)/gi;
  const mentions: Mention[] = [];
  for (const { index, 1: verb = '', 2: table = '', 3: word = '' } of sql.matchAll(pattern)) {
    // UPDATE also ends FOR UPDATE and DO UPDATE; a comma also stands between columns.
    if (KEYWORDS.has(table.toLowerCase()) || /\b(FOR|DO) $/i.test(sql.slice(0, index))) continue;
    const alias = word && !KEYWORDS.has(word.toLowerCase()) ? word : '';
    if (verb === ',' && !alias) continue;
    mentions.push({ table, alias, verb: verb.toUpperCase(), block: blockAround(sql, index) });
  }
  return mentions;
}

function blockAround(sql: string, index: number): string {
  let start = index;
  for (let depth = 0; start > 0; start--) {
    if (sql[start] === ')') depth++;
    if (sql[start] === '(' && depth-- === 0) break;
  }
  return start === 0 ? sql : insideOf(sql, start);
}

/** What lies between the parenthesis at `open` and its partner. */
function insideOf(sql: string, open: number): string {
  let depth = 0;
  for (let i = open; i < sql.length; i++) {
    if (sql[i] === '(') depth++;
    if (sql[i] === ')' && --depth === 0) return sql.slice(open + 1, i);
  }
  return sql.slice(open + 1);
}

/** Bound to a parameter, or paired with a table that is. Inner queries do not count: they bind their own tables. */
function isBound(sql: string, { table, alias, block }: Mention): boolean {
  const own = withoutInner(block);
  const name = alias || table;
  if (new RegExp(`(?<!\\w)${name}\\.grant_id = \\$\\d+`).test(own)) return true;
  if (!alias && /(?<![.\w])grant_id = \$\d+/.test(own)) return true;
  const paired = new RegExp(
    `(?<!\\w)(?:${name}\\.grant_id = (\\w+)|(\\w+)\\.grant_id = ${name})\\.?(?:grant_id)?`,
  );
  const [, right, left] = paired.exec(own) ?? [];
  const other = right ?? left;
  return other !== undefined && new RegExp(`(?<!\\w)${other}\\.grant_id = \\$\\d+`).test(sql);
}

function withoutInner(block: string): string {
  let text = block;
  for (let at = text.search(/\(\s*(SELECT|WITH)\b/i); at >= 0; at = text.search(/\(\s*(SELECT|WITH)\b/i)) {
    text = `${text.slice(0, at)}()${text.slice(at + insideOf(text, at).length + 2)}`;
  }
  return text;
}

/** The value that goes into grant_id is a parameter. */
function insertsGrant(sql: string, { table }: Mention): boolean {
  const found = new RegExp(`INTO ${table}(?: AS \\w+)? (?=\\()`).exec(sql);
  if (!found) return false;
  const open = found.index + found[0].length;
  const columns = insideOf(sql, open);
  const at = listOf(columns).indexOf('grant_id');
  const rest = sql.slice(open + columns.length + 2).trim();
  const [, values] = /^VALUES \((.*)$/i.exec(rest) ?? /^SELECT (.*)$/i.exec(rest) ?? [];
  return at >= 0 && /^\$\d+$/.test(listOf(values ?? '')[at] ?? '');
}

function listOf(text: string): string[] {
  const items = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth++;
    if (char === ')' && --depth < 0) break;
    if (char === ',' && depth === 0) items.push('');
    else items[items.length - 1] += char;
  }
  return items.map((item) => item.trim());
}
