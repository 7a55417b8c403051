import { type Static, Type } from 'typebox';
import { Message } from './message.ts';
import { Id, UnixSeconds, Uuid } from './scalars.ts';

/** What is told of a message that is gone. */
export const DeletedMessage = Type.Object(
  {
    id: Id(),
    grant_id: Uuid(),
    object: Type.Literal('message'),
    metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { $id: 'DeletedMessage' },
);
export type DeletedMessage = Static<typeof DeletedMessage>;

/** What is sent about a message: an envelope after CloudEvents 1.0 (contract 8.4). */
export const MessageNotification = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    type: Type.String({ description: 'The trigger; `.truncated` behind it when the body was left out' }),
    source: Type.String(),
    id: Type.String({ description: 'The same in every attempt' }),
    time: UnixSeconds(),
    webhook_delivery_attempt: Type.Integer({ minimum: 1 }),
    data: Type.Object({
      application_id: Uuid(),
      grant_id: Uuid(),
      object: Type.Union([Message, DeletedMessage]),
    }),
  },
  { $id: 'MessageNotification' },
);
export type MessageNotification = Static<typeof MessageNotification>;
