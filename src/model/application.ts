import { type Static, Type } from 'typebox';
import { UnixSeconds, Uuid } from './scalars.ts';

/** One tenant of this instance, as its own API key sees it. */
export const Application = Type.Object(
  {
    application_id: Uuid(),
    organization_id: Uuid(),
    region: Type.String(),
    environment: Type.String(),
    branding: Type.Record(Type.String(), Type.Unknown()),
    hosted_authentication: Type.Record(Type.String(), Type.Unknown()),
    callback_uris: Type.Array(Type.Record(Type.String(), Type.Unknown())),
    created_at: UnixSeconds(),
    updated_at: UnixSeconds(),
  },
  { $id: 'Application' },
);
export type Application = Static<typeof Application>;
