import { type Static, Type } from 'typebox';
import { Draft, Message } from './message.ts';
import { Participant } from './participant.ts';
import { Id, UnixSeconds } from './scalars.ts';

/** A conversation, summed up from its messages. */
export const Thread = Type.Object(
  {
    id: Id(),
    object: Type.Literal('thread'),
    grant_id: Type.String(),
    subject: Type.String(),
    snippet: Type.String(),
    participants: Type.Array(Participant),
    unread: Type.Boolean(),
    starred: Type.Boolean(),
    has_attachments: Type.Boolean(),
    has_drafts: Type.Boolean(),
    earliest_message_date: UnixSeconds(),
    latest_message_received_date: Type.Optional(UnixSeconds()),
    latest_message_sent_date: Type.Optional(UnixSeconds()),
    message_ids: Type.Array(Id()),
    draft_ids: Type.Array(Id()),
    folders: Type.Array(Id()),
    latest_draft_or_message: Type.Optional(Type.Union([Message, Draft])),
  },
  { $id: 'Thread' },
);
export type Thread = Static<typeof Thread>;
