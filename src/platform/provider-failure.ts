import { ApiError } from './errors.ts';
import type { ProviderError } from './provider-error.ts';

/** A caller is asked to try again after this long when the provider did not say, in seconds. */
const RETRY_SECONDS = 5;

/** What the provider did not do, as the caller's error, with the provider's own words untouched beside it (contract 1.3). */
export function providerFailure(error: ProviderError): ApiError {
  const words = error.response
    ? { providerError: { message: error.response, ...(error.code ? { code: error.code } : {}) } }
    : {};
  const failure = (status: number, message: string, retry = false) =>
    new ApiError('api.provider_error', message, {
      status,
      ...words,
      ...(retry ? { retryAfterSeconds: error.retryAfterSeconds ?? RETRY_SECONDS } : {}),
      cause: error,
    });
  switch (error.kind) {
    case 'authentication':
      return new ApiError(
        'grant.expired',
        'The mail provider no longer accepts the credentials of this grant. Re-authenticate it.',
        { ...words, cause: error },
      );
    case 'network':
    case 'tls':
      return failure(504, `The mail provider could not be reached: ${error.message}`);
    case 'busy':
      // No room is no matter of patience.
      if (error.code === 'OVERQUOTA') return failure(422, 'The mailbox has no room left for this.');
      return failure(503, 'The mail provider is busy. Try again later.', true);
    case 'changed':
      return failure(
        503,
        'The folder has changed at the mail provider and is being read anew. Try again.',
        true,
      );
    case 'no_folder':
      return new ApiError('api.not_found_error', 'The folder is no longer at the mail provider.', {
        ...words,
        cause: error,
      });
    case 'exists':
      return new ApiError('api.invalid_request_error', 'name: there is a folder of this name already', {
        field: 'name',
        ...words,
        cause: error,
      });
    case 'bad_query':
      return new ApiError('api.invalid_request_error', `search_query_native: ${error.message}`, {
        field: 'search_query_native',
        ...words,
        cause: error,
      });
    case 'forbidden_host':
      return failure(422, error.message);
    case 'folder_refused':
    case 'protocol':
      return failure(422, `The mail provider refused this: ${error.message}`);
  }
}
