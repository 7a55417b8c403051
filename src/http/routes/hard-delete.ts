import { Type } from 'typebox';

/** The choice between Trash and the end. */
export const HardDelete = Type.Object({
  hard_delete: Type.Optional(
    Type.Boolean({ description: 'Remove for good instead of moving to Trash, where the operator allows it' }),
  ),
});
