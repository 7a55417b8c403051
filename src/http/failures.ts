import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { ErrorAnswer } from '../model/error.ts';
import { ApiError, type ErrorType, notFound } from '../platform/errors.ts';

/** Any error as a refusal; undefined when it is a fault of ours, about which a caller learns nothing. */
export function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (isDatabaseUnavailable(error)) {
    return new ApiError('api.unavailable', 'The service is busy or starting. Try again shortly.', {
      retryAfterSeconds: 1,
      cause: error,
    });
  }
  // SQLSTATE 22021 and 22P05: text that PostgreSQL cannot hold. Refused earlier; this is the net below.
  if (code === '22021' || code === '22P05') {
    return new ApiError('api.invalid_request_error', 'The request holds a character that cannot be stored.');
  }
  if (!code?.startsWith('FST_') || statusCode === undefined || statusCode >= 500) return undefined;
  if (code === 'FST_ERR_MAX_PARAM_LENGTH') return notFound(); // nothing has an id as long as that
  if (statusCode === 413) return new ApiError('api.payload_too_large', 'The request body is too large.');
  if (statusCode === 415) {
    return refusal(
      415,
      'The request body has a media type that this route does not read; send application/json.',
    );
  }
  if (code === 'FST_ERR_BAD_URL') return refusal(400, 'The path is not correctly percent-encoded.');
  return refusal(statusCode, 'The request could not be read.');
}

/** The one shape of all refusals. */
export function errorAnswer(requestId: string, error: ApiError | undefined): ErrorAnswer {
  if (!error) {
    return {
      request_id: requestId,
      error: { type: 'api.internal_error' satisfies ErrorType, message: 'Something went wrong on our side.' },
    };
  }
  return {
    request_id: requestId,
    error: {
      type: error.type,
      message: error.message,
      ...(error.providerError ? { provider_error: error.providerError } : {}),
    },
  };
}

/** A refusal with a status that has no type of its own in the closed list. */
export function refusal(status: number, message: string): ApiError {
  return new ApiError('api.invalid_request_error', message, { status });
}

/** Answers what never became a request: broken HTTP, endless headers, a client that is too slow. */
export function answerOnSocket(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'The request headers are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request took too long to arrive.']
        : [400, 'The request is not valid HTTP.'];
  socket.end(rawAnswer(status, message));
}

/** A whole HTTP answer in our error shape, for places where there is no response object yet. */
function rawAnswer(status: number, message: string): string {
  const requestId = randomUUID();
  const body = JSON.stringify(errorAnswer(requestId, refusal(status, message)));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

/** How a socket ends under a query. What else is dialled answers with errors of its own kind. */
const LOST_CONNECTION = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** Whether an error says that the database cannot be reached, has no room or is in contention, rather than that we asked wrongly. */
function isDatabaseUnavailable(error: unknown): boolean {
  const { code, syscall, message } = error as { code?: string; syscall?: string; message?: string };
  // SQLSTATE classes: 08 connection, 53 resources, 57P operator (shutdown, starting up); 25P03 ended for stalling.
  // 40001 and 40P01: undone for the sake of others, again and again.
  if (code && /^((08|53|57P)[0-9A-Z]{2,3}|25P03|40001|40P01)$/.test(code)) return true;
  if (syscall === 'connect' || (code && LOST_CONNECTION.has(code))) return true;
  // pg and pg-pool give these no code.
  return /^(timeout exceeded when trying to connect|Connection terminated|Cannot use a pool after calling end|Client has encountered a connection error)/.test(
    message ?? '',
  );
}
