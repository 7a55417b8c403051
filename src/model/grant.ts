import { type Static, Type } from 'typebox';
import { OneOf, UnixSeconds, Uuid } from './scalars.ts';

const GrantStatus = OneOf(['valid', 'invalid']);

/** Every provider of the contract (4.1). */
export const PROVIDERS = [
  'google',
  'microsoft',
  'imap',
  'icloud',
  'yahoo',
  'ews',
  'virtual-calendar',
  'zoom',
  'nylas',
];

/** One connected mailbox. `settings` never holds a secret. */
export const Grant = Type.Object(
  {
    id: Uuid(),
    provider: Type.String(),
    scope: Type.Array(Type.String()),
    grant_status: GrantStatus,
    email: Type.String(),
    email_aliases: Type.Optional(Type.Array(Type.String(), { description: 'With `expose_aliases`' })),
    name: Type.Optional(Type.String()),
    provider_user_id: Type.Optional(Type.String()),
    ip: Type.Optional(Type.String()),
    user_agent: Type.Optional(Type.String()),
    state: Type.Optional(Type.String()),
    settings: Type.Record(Type.String(), Type.Unknown()),
    created_at: UnixSeconds(),
    updated_at: UnixSeconds(),
  },
  { $id: 'Grant' },
);
export type Grant = Static<typeof Grant>;
