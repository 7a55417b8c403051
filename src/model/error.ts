import { type Static, Type } from 'typebox';

/** What every refusal looks like. `provider_error` holds the mail provider's own words. */
export const ErrorAnswer = Type.Object(
  {
    request_id: Type.String(),
    error: Type.Object({
      type: Type.String(),
      message: Type.String(),
      provider_error: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
  },
  { $id: 'ErrorAnswer' },
);
export type ErrorAnswer = Static<typeof ErrorAnswer>;
