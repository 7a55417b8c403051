import { randomUUID } from 'node:crypto';
import {
  type ListedRedirectUri,
  type NewRedirectUri,
  type RedirectUri,
  type RedirectUriChange,
  RedirectUriSettings,
} from '../model/redirect-uri.ts';
import { invalidRequest, notFound } from '../platform/errors.ts';
import { lockApplication } from '../store/applications.ts';
import type { Database, Sql } from '../store/database.ts';
import {
  deleteRedirectUri,
  keepRedirectUris,
  listRedirectUris,
  type StoredRedirectUri,
  writeRedirectUris,
} from '../store/redirect-uris.ts';
import { knownFields } from './known-fields.ts';
import { assertRedirectUri } from './redirect-uri-rules.ts';

/** The list is never paged, so it has an end. */
const MAX_REDIRECT_URIS = 100;

/** Every redirect URI of an application, oldest first. */
export async function redirectUrisOf(sql: Sql, applicationId: string): Promise<RedirectUri[]> {
  return (await listRedirectUris(sql, applicationId)).map(toRedirectUri);
}

/** Throws 404 for one that is unknown or another application's. */
export async function findRedirectUri(db: Database, applicationId: string, id: string): Promise<RedirectUri> {
  const all = await db.tenant(applicationId, (sql) => redirectUrisOf(sql, applicationId));
  return find(all, id);
}

/** Throws 400 for one that a platform does not allow, that is there already, or that is one too many. */
export function createRedirectUri(
  db: Database,
  applicationId: string,
  request: NewRedirectUri,
): Promise<RedirectUri> {
  return change(db, applicationId, (all) => {
    const uri = complete({ id: randomUUID(), ...request }, '');
    return { uri, all: [...all, uri] };
  });
}

/** What is absent stays, `settings` are replaced whole; the result must be what a new one must be. */
export function updateRedirectUri(
  db: Database,
  applicationId: string,
  id: string,
  request: RedirectUriChange,
): Promise<RedirectUri> {
  return change(db, applicationId, (all) => {
    const before = find(all, id);
    const uri = complete({ ...before, ...request, id: before.id }, '');
    return { uri, all: all.map((other) => (other.id === uri.id ? uri : other)) };
  });
}

export async function removeRedirectUri(db: Database, applicationId: string, id: string): Promise<void> {
  await db.tenant(applicationId, async (sql) => {
    const { id: known } = find(await redirectUrisOf(sql, applicationId), id);
    if (!(await deleteRedirectUri(sql, applicationId, known))) throw notFound();
  });
}

/**
 * PATCH of an application with `callback_uris`: the list becomes this one, within the transaction that has locked the
 * application. Those with an id, or with the url and platform of one that exists, keep their id.
 */
export async function replaceRedirectUris(
  sql: Sql,
  applicationId: string,
  list: ListedRedirectUri[],
): Promise<void> {
  const existing = await redirectUrisOf(sql, applicationId);
  const named = new Set(list.map((uri) => uri.id?.toLowerCase()));
  const uris = list.map((item, index) => {
    const { id, platform = 'web' } = item;
    const before =
      id === undefined
        ? existing.find((old) => old.url === item.url && old.platform === platform && !named.has(old.id))
        : existing.find((old) => old.id === id.toLowerCase());
    if (id !== undefined && !before) {
      throw invalidRequest(`callback_uris[${index}].id`, 'is no redirect URI of this application');
    }
    return complete({ ...before, ...item, id: before?.id ?? randomUUID() }, `callback_uris[${index}].`);
  });
  assertList(uris, (index) => `callback_uris[${index}].`);
  await keepRedirectUris(
    sql,
    applicationId,
    uris.map((uri) => uri.id),
  );
  await writeRedirectUris(sql, applicationId, uris.map(toStored));
}

async function change(
  db: Database,
  applicationId: string,
  decide: (all: RedirectUri[]) => { uri: RedirectUri; all: RedirectUri[] },
): Promise<RedirectUri> {
  return db.tenant(applicationId, async (sql) => {
    if (!(await lockApplication(sql, applicationId))) throw notFound();
    const { uri, all } = decide(await redirectUrisOf(sql, applicationId));
    assertList(all, () => '');
    await writeRedirectUris(sql, applicationId, [toStored(uri)]);
    return uri;
  });
}

function complete(uri: ListedRedirectUri & { id: string }, at: string): RedirectUri {
  const { id, url, platform = 'web' } = uri;
  const settings = knownFields(RedirectUriSettings, uri.settings ?? {}) as RedirectUriSettings;
  const result = { id, url, platform, ...(Object.keys(settings).length > 0 && { settings }) };
  assertRedirectUri(result, at);
  return result;
}

function assertList(all: RedirectUri[], at: (index: number) => string): void {
  const seen = new Set<string>();
  const ids = new Set<string>();
  for (const [index, { id, url, platform }] of all.entries()) {
    if (ids.has(id)) throw invalidRequest(`${at(index)}id`, 'is given twice');
    const key = `${platform} ${url}`;
    if (seen.has(key))
      throw invalidRequest(`${at(index)}url`, `is registered already for the platform ${platform}`);
    ids.add(id);
    seen.add(key);
  }
  if (all.length > MAX_REDIRECT_URIS) {
    throw invalidRequest(
      `${at(MAX_REDIRECT_URIS)}url`,
      `is one too many: an application has at most ${MAX_REDIRECT_URIS} redirect URIs`,
    );
  }
}

function find(all: RedirectUri[], id: string): RedirectUri {
  const found = all.find((uri) => uri.id === id.toLowerCase());
  if (!found) throw notFound();
  return found;
}

function toRedirectUri({ id, url, platform, settings }: StoredRedirectUri): RedirectUri {
  return {
    id,
    url,
    platform: platform as RedirectUri['platform'],
    ...(Object.keys(settings).length > 0 && { settings: settings as RedirectUriSettings }),
  };
}

function toStored({ id, url, platform, settings = {} }: RedirectUri): StoredRedirectUri {
  return { id, url, platform, settings };
}
