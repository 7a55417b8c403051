import { type TSchema, Type } from 'typebox';

/** One object, with the id of the request that gave it. */
export function One<Data extends TSchema>(data: Data) {
  return Type.Object({ request_id: Type.String(), data });
}

/** A page of objects; `next_cursor` is absent on the last one. */
export function Page<Item extends TSchema>(item: Item) {
  return Type.Object({
    request_id: Type.String(),
    data: Type.Array(item),
    next_cursor: Type.Optional(Type.String()),
  });
}

/** A page of the older lists, which count instead of pointing. */
export function OffsetPage<Item extends TSchema>(item: Item) {
  return Type.Object({
    request_id: Type.String(),
    data: Type.Array(item),
    limit: Type.Integer(),
    offset: Type.Integer(),
  });
}

/** Nothing to say but that it is done (nearly every DELETE). */
export const Done = Type.Object({ request_id: Type.String() }, { $id: 'Done' });
