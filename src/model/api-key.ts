import { type Static, Type } from 'typebox';
import { isName, UnixSeconds, Uuid } from './scalars.ts';

/** A century: whoever wants longer wants no end. */
export const API_KEY_MAX_DAYS = 36_500;

/** An API key. Its value is in the answer that makes it, and nowhere else. */
export const ApiKey = Type.Object(
  {
    id: Uuid(),
    application_id: Uuid(),
    name: Type.String(),
    api_key: Type.Optional(Type.String({ description: 'Only when it was made by this request' })),
    last4: Type.String({ description: 'Its last characters, to tell keys apart' }),
    created_at: UnixSeconds(),
    expires_at: Type.Optional(UnixSeconds()),
  },
  { $id: 'ApiKey' },
);
export type ApiKey = Static<typeof ApiKey>;

export const NewApiKey = Type.Object({
  name: Type.Optional(
    Type.Refine(
      Type.String({ maxLength: 100 }),
      (name) => isName(name),
      () => 'must be one line of 1 to 100 characters',
    ),
  ),
  expires_in: Type.Optional(
    Type.Number({ exclusiveMinimum: 0, maximum: API_KEY_MAX_DAYS, description: 'Days; without it no end' }),
  ),
});
