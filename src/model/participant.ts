import { type Static, Type } from 'typebox';

/** A name and an address, as they stand in From, To, Cc, Bcc and Reply-To. */
export const Participant = Type.Object(
  { name: Type.Optional(Type.String()), email: Type.String() },
  { $id: 'Participant' },
);
export type Participant = Static<typeof Participant>;
