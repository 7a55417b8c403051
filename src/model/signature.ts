import { type Static, Type } from 'typebox';
import { UnixSeconds, Uuid } from './scalars.ts';

/** An HTML signature of a grant. */
export const Signature = Type.Object(
  {
    id: Uuid(),
    object: Type.Literal('signature'),
    grant_id: Type.String(),
    name: Type.String(),
    body: Type.String({ description: 'HTML, sanitized' }),
    created_at: UnixSeconds(),
    updated_at: UnixSeconds(),
  },
  { $id: 'Signature' },
);
export type Signature = Static<typeof Signature>;

/** Contract 6.4: 100 KB of UTF-8. */
const MAX_BODY_BYTES = 100 * 1024;

/** Whether a body is short enough, before and after it has been sanitized. */
export function fitsSignature(body: string): boolean {
  return Buffer.byteLength(body) <= MAX_BODY_BYTES;
}

export const NewSignature = Type.Object({
  name: Type.Refine(
    Type.String({ maxLength: 255 }),
    (name) => name.trim() !== '' && !/\p{Cc}/u.test(name),
    () => 'must be one line of 1 to 255 characters',
  ),
  body: Type.Refine(
    Type.String({ minLength: 1, description: 'HTML of at most 100 KB; images by https URL' }),
    fitsSignature,
    () => 'must not be longer than 100 KB',
  ),
});
export type NewSignature = Static<typeof NewSignature>;

/** What is absent stays. */
export const SignatureChange = Type.Partial(NewSignature);
export type SignatureChange = Static<typeof SignatureChange>;
