import { type Static, Type } from 'typebox';
import type { PeopleFilter } from '../../store/reads/message-filter.ts';
import { CommaList, RepeatedList } from '../query.ts';

const Addresses = () => Type.Optional(RepeatedList({ maxItems: 50, description: 'One of these addresses' }));

/** Filters by address, of messages and of threads (contract 5.2, 6.2). */
export const PeopleQuery = {
  any_email: Type.Optional(
    CommaList({ maxItems: 25, description: 'One of these addresses in From, To, Cc or Bcc' }),
  ),
  from: Addresses(),
  to: Addresses(),
  cc: Addresses(),
  bcc: Addresses(),
};
const People = Type.Object(PeopleQuery);

export function toPeople({ any_email, from, to, cc, bcc }: Static<typeof People>): PeopleFilter {
  return { anyEmail: any_email, from, to, cc, bcc };
}

export const SubjectText = () =>
  Type.Optional(
    Type.String({ maxLength: 1000, description: 'Stands somewhere in the subject, in any case' }),
  );

/** The provider's own search (contract 5.2). */
export const NativeText = () =>
  Type.Optional(
    Type.String({
      maxLength: 1000,
      description:
        'Asks the provider in its own language; for IMAP the criteria of SEARCH, such as FROM "ada" UNSEEN',
      examples: ['UNSEEN'],
    }),
  );

/** An extension of ours; the contract has `search_query_native`, which goes to the provider. */
export const SearchText = () =>
  Type.Optional(
    Type.String({
      description:
        'Our own full text (an extension): words, "phrases", AND, OR, NOT or -, parentheses; by relevance',
    }),
  );
