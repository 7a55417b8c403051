import type { ClientBase } from 'pg';

type Kind = 'reference' | 'scoped' | 'queue';

/** The one table that every application may read. */
export const OPEN_TO_READERS = 'message_search';

interface Table {
  oid: number;
  name: string;
  relkind: string;
  comment: string | null;
  rls: boolean;
  forced: boolean;
  parents: number;
  partition: boolean;
  rules: string[];
  triggers: string[];
}

interface Column {
  table_oid: number;
  name: string;
  type: string;
  not_null: boolean;
  identity: boolean;
}

interface Key {
  table_oid: number;
  name: string;
  primary: boolean;
  columns: (string | null)[];
}

interface ForeignKey {
  table_oid: number;
  target_oid: number;
  name: string;
  on_update: string;
  on_delete: string;
  columns: string[];
  target_columns: string[];
}

interface Policy {
  table_oid: number;
  name: string;
  /** `r` reads only; see pg_policy. */
  command: string;
  expressions: string[];
  subquery: boolean;
}

/**
 * Reads the catalog of schema public and tells which table breaks which of the sharding rules 1 to 3 (docs/decisions.md),
 * one line each. No line: the schema can be distributed by grant_id as it stands.
 */
export async function brokenRules(client: ClientBase): Promise<string[]> {
  const catalog = await readCatalog(client);
  const broken: string[] = [];
  for (const table of catalog.tables) {
    const say = (what: string) => broken.push(`${table.name}: ${what}`);
    const kind = kindOf(table);
    if (!kind) say('its comment does not begin with "kind: reference|scoped|queue"');
    checkShape(table, catalog.columns, say);
    if (kind === 'scoped') checkScoped(table, catalog, say);
    for (const key of catalog.foreignKeys.filter((k) => k.table_oid === table.oid)) {
      checkForeignKey(key, kind, catalog, say);
    }
    if (table.rls || kind === 'scoped') checkWall(table, catalog, say);
  }
  return broken.sort();
}

function kindOf(table: Table): Kind | undefined {
  return /^kind: (reference|scoped|queue)\b/.exec(table.comment ?? '')?.[1] as Kind | undefined;
}

function checkShape(table: Table, columns: Column[], say: (what: string) => void): void {
  if (table.relkind !== 'r' || table.parents > 0 || table.partition) say('inheritance or partitions');
  for (const trigger of table.triggers) say(`trigger ${trigger}`);
  for (const rule of table.rules) say(`rule ${rule}`);
  for (const column of columns) {
    if (column.table_oid === table.oid && column.identity) say(`identity column ${column.name}`);
  }
}

function checkScoped(table: Table, { columns, keys }: Catalog, say: (what: string) => void): void {
  for (const name of ['grant_id', 'application_id']) {
    const column = columns.find((c) => c.table_oid === table.oid && c.name === name);
    if (column?.type !== 'uuid' || !column.not_null) say(`no ${name} uuid not null`);
  }
  const own = keys.filter((k) => k.table_oid === table.oid);
  if (!own.some((k) => k.primary)) say('no primary key');
  for (const key of own) {
    if (!key.columns.includes('grant_id')) say(`${key.name} is unique without grant_id`);
  }
}

function checkForeignKey(
  key: ForeignKey,
  kind: Kind | undefined,
  { tables }: Catalog,
  say: (what: string) => void,
): void {
  const target = tables.find((t) => t.oid === key.target_oid);
  const targetKind = target && kindOf(target);
  if (key.on_update !== 'a') say(`${key.name} acts on update`);
  if (!['a', 'r', 'c'].includes(key.on_delete)) say(`${key.name} sets values on delete`);
  if (key.target_oid === key.table_oid) say(`${key.name} points to its own table`);
  if (kind !== 'scoped' && targetKind === 'scoped') say(`${key.name} leads from ${kind} to scoped`);
  if (kind === 'scoped' && targetKind === 'queue') say(`${key.name} leads from scoped to queue`);
  if (kind === 'scoped' && targetKind === 'scoped') {
    const at = key.columns.indexOf('grant_id');
    if (at < 0 || key.target_columns[at] !== 'grant_id') say(`${key.name} does not pair grant_id`);
  }
}

function checkWall(table: Table, { policies }: Catalog, say: (what: string) => void): void {
  if (!table.rls) say('no row-level security');
  if (!table.forced) say('row-level security is not forced');
  const own = policies.filter((p) => p.table_oid === table.oid);
  if (own.length === 0) say('no policy');
  for (const policy of own) {
    if (policy.subquery) say(`policy ${policy.name} holds a subquery`);
    // An inverted index cannot answer from behind a policy (docs/decisions.md, 19): test/support/sql-rules.ts holds
    // whoever reads this table to its join with the messages.
    if (table.name === OPEN_TO_READERS && policy.command === 'r') continue;
    if (!policy.expressions.every((e) => e.includes('mailquay.application_id')))
      say(`policy ${policy.name} does not ask for the application`);
  }
}

interface Catalog {
  tables: Table[];
  columns: Column[];
  keys: Key[];
  foreignKeys: ForeignKey[];
  policies: Policy[];
}

const NAMES = (
  array: string,
  relation: string,
) => `ARRAY(SELECT a.attname::text FROM unnest(${array}) WITH ORDINALITY AS k (num, place)
  LEFT JOIN pg_attribute a ON a.attrelid = ${relation} AND a.attnum = k.num ORDER BY k.place)`;

async function readCatalog(client: ClientBase): Promise<Catalog> {
  const rows = async <T>(text: string) => (await client.query(text)).rows as T[];
  const inPublic = `c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'f')`;
  return {
    tables: await rows<Table>(
      `SELECT c.oid::int, c.relname::text AS name, c.relkind::text, obj_description(c.oid, 'pg_class') AS comment,
         c.relrowsecurity AS rls, c.relforcerowsecurity AS forced, c.relispartition AS partition,
         (SELECT count(*)::int FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) AS parents,
         ARRAY(SELECT r.rulename::text FROM pg_rewrite r WHERE r.ev_class = c.oid) AS rules,
         ARRAY(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers
       FROM pg_class c WHERE ${inPublic}`,
    ),
    columns: await rows<Column>(
      `SELECT c.oid::int AS table_oid, a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type,
         a.attnotnull AS not_null, a.attidentity <> '' AS identity
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE ${inPublic}`,
    ),
    keys: await rows<Key>(
      `SELECT c.oid::int AS table_oid, x.relname::text AS name, i.indisprimary AS primary,
         ${NAMES('i.indkey::int2[]', 'c.oid')} AS columns
       FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)
       JOIN pg_class x ON x.oid = i.indexrelid WHERE ${inPublic}`,
    ),
    foreignKeys: await rows<ForeignKey>(
      `SELECT c.oid::int AS table_oid, f.confrelid::int AS target_oid, f.conname::text AS name, f.confupdtype::text AS on_update,
         f.confdeltype::text AS on_delete, ${NAMES('f.conkey', 'f.conrelid')} AS columns,
         ${NAMES('f.confkey', 'f.confrelid')} AS target_columns
       FROM pg_class c JOIN pg_constraint f ON f.conrelid = c.oid AND f.contype = 'f' WHERE ${inPublic}`,
    ),
    // A subquery stands as a SUBLINK in the stored tree.
    policies: await rows<Policy>(
      `SELECT c.oid::int AS table_oid, p.polname::text AS name, p.polcmd::text AS command,
         array_remove(ARRAY[pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)], NULL) AS expressions,
         concat(p.polqual, p.polwithcheck) LIKE '%SUBLINK%' AS subquery
       FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid WHERE ${inPublic}`,
    ),
  };
}
