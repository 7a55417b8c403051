import { ApiError } from '../platform/errors.ts';
import type { ChangeContext } from './context.ts';

/** Throws the 403 of who wants something removed for good where the operator does not allow it. */
export function assertHardDelete(ctx: ChangeContext): void {
  if (ctx.allowHardDelete) return;
  throw new ApiError(
    'api.invalid_request_error',
    'hard_delete: is not allowed here; without it mail is moved to Trash. The operator allows it with MAILQUAY_ALLOW_HARD_DELETE.',
    { field: 'hard_delete', status: 403 },
  );
}
