/** The closed list of error types that leave this program, with their default HTTP status (contract 1.3). */
const ERROR_STATUS = {
  'api.authentication_error': 401,
  'api.invalid_request_error': 400,
  'api.invalid_request_payload': 400,
  'api.payload_too_large': 413,
  'api.not_found_error': 404,
  'api.partial_not_found_error': 404,
  'api.rate_limit_error': 429,
  'api.provider_error': 504,
  'api.internal_error': 500,
  'api.not_implemented': 501,
  'api.unavailable': 503,
  'grant.not_found': 404,
  'grant.expired': 401,
  'grant.invalid_authentication': 401,
  'grant.provider_required': 400,
} as const;

export type ErrorType = keyof typeof ERROR_STATUS;

/**
 * A refusal meant for the caller of the API: type, plain words, and the field at fault when there is one.
 * `providerError` carries the mail provider's own words, untouched.
 */
export class ApiError extends Error {
  readonly type: ErrorType;
  readonly status: number;
  readonly field: string | undefined;
  readonly providerError: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    type: ErrorType,
    message: string,
    options: {
      field?: string;
      status?: number;
      providerError?: Record<string, unknown>;
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ApiError';
    this.type = type;
    this.status = options.status ?? ERROR_STATUS[type];
    this.field = options.field;
    this.providerError = options.providerError;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** A request with a value that cannot be accepted; `field` names it as the client wrote it. */
export function invalidRequest(field: string, message: string): ApiError {
  return new ApiError('api.invalid_request_error', `${field}: ${message}`, { field });
}

/** One answer for what does not exist and for what belongs to another application. */
export function notFound(): ApiError {
  return new ApiError('api.not_found_error', 'The requested object was not found.');
}

/** An error that stops the program, with what to do about it; printed without a stack. */
export class StartupError extends Error {
  override name = 'StartupError';
}
