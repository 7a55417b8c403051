import type { Grant as PublicGrant } from '../model/grant.ts';
import type { Grant } from '../store/grants.ts';

/** A grant as the API shows it (contract 4.1). Its settings hold no secret: those have a column of their own. */
export function toGrantObject(grant: Grant): PublicGrant {
  return {
    id: grant.id,
    provider: grant.provider,
    scope: grant.scope,
    grant_status: grant.status,
    email: grant.email,
    ...(grant.name !== null && { name: grant.name }),
    ...(grant.providerUserId !== null && { provider_user_id: grant.providerUserId }),
    ...(grant.ip !== null && { ip: grant.ip }),
    ...(grant.userAgent !== null && { user_agent: grant.userAgent }),
    ...(grant.state !== null && { state: grant.state }),
    settings: grant.settings,
    created_at: grant.createdAt,
    updated_at: grant.updatedAt,
  };
}
