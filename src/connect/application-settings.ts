import { APPLICATION_PARTS, type Application, type ApplicationUpdate } from '../model/application.ts';
import { notFound } from '../platform/errors.ts';
import {
  type ApplicationChange,
  getApplication,
  lockApplication,
  updateApplication as updateStored,
} from '../store/applications.ts';
import type { Database, Sql } from '../store/database.ts';
import { knownFields } from './known-fields.ts';
import { redirectUrisOf, replaceRedirectUris } from './redirect-uris.ts';

/** An application as the API shows it (contract 2). */
export function showApplication(db: Database, applicationId: string): Promise<Application> {
  return db.tenant(applicationId, (sql) => read(sql, applicationId));
}

/**
 * PATCH of an application: each object that is given replaces the one before, whole, and what is absent stays. The
 * name in `branding` is what users see; the name that the operator gave stays.
 */
export function updateApplication(
  db: Database,
  applicationId: string,
  { callback_uris, ...update }: ApplicationUpdate,
): Promise<Application> {
  return db.tenant(applicationId, async (sql) => {
    if (!(await lockApplication(sql, applicationId))) throw notFound();
    if (callback_uris) await replaceRedirectUris(sql, applicationId, callback_uris);
    const change: ApplicationChange = { domain: update.domain?.toLowerCase() };
    for (const part of Object.keys(APPLICATION_PARTS) as (keyof typeof APPLICATION_PARTS)[]) {
      const value = update[part];
      if (value) change[part] = knownFields(APPLICATION_PARTS[part], value);
    }
    if (callback_uris || Object.values(change).some((value) => value !== undefined)) {
      await updateStored(sql, applicationId, change);
    }
    return read(sql, applicationId);
  });
}

async function read(sql: Sql, applicationId: string): Promise<Application> {
  const found = await getApplication(sql, applicationId);
  if (!found) throw notFound();
  return {
    application_id: found.id,
    // One instance has no organisations above its applications: each is its own.
    organization_id: found.id,
    region: found.region,
    environment: found.environment,
    ...(found.domain !== null && { domain: found.domain }),
    branding: { name: found.name, ...found.branding },
    hosted_authentication: found.hostedAuthentication,
    idp_settings: found.idpSettings,
    additional_settings: found.additionalSettings,
    callback_uris: await redirectUrisOf(sql, applicationId),
    created_at: found.createdAt,
    updated_at: found.updatedAt,
  };
}
