import { STATUS_CODES } from 'node:http';
import { ErrorAnswer } from '../../model/error.ts';
import type { Route } from '../route.ts';
import type { Components, JsonSchema } from './schemas.ts';

interface Response {
  description: string;
  headers: Record<string, object>;
  content: Record<string, { schema: JsonSchema }>;
}

const REQUEST_ID = { 'x-request-id': { $ref: '#/components/headers/RequestId' } };
const RETRY_AFTER = { 'retry-after': { $ref: '#/components/headers/RetryAfter' } };

/** Headers that several answers have. */
export const HEADERS = {
  RequestId: { description: 'The same as `request_id` in the body.', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait before the next attempt.', schema: { type: 'string' } },
};

/** What a refusal means, where the standard's own phrase says too little. */
const MEANINGS: Record<number, string> = {
  400: 'The request cannot be read, or a value in it cannot be accepted; the message names the field.',
  401: 'The API key is missing or not valid, or the provider refuses the credentials of the grant.',
  403: 'The operator or the mail provider does not allow this.',
  404: 'There is nothing with this id, or it belongs to another application.',
  413: 'The body is too large.',
  415: 'The body has a media type or an encoding that is not read here.',
  422: 'The mail provider has refused the change; nothing was changed.',
  429: 'Too many requests; Retry-After says when to come again.',
  500: 'A fault of ours.',
  503: 'The service is busy, starting or stopping, or the provider asks to wait; try again shortly.',
  504: 'The mail provider cannot be reached, or fails.',
};

/** Every answer that a route gives: its success, and the refusals that follow from what it declares. */
export function responsesOf(route: Route, components: Components): Record<string, Response> {
  const responses: Record<string, Response> = {
    [route.status ?? 200]: {
      description: 'Success.',
      headers: REQUEST_ID,
      content: success(route, components),
    },
  };
  for (const status of refusals(route)) {
    responses[status] = {
      description: MEANINGS[status] ?? `${STATUS_CODES[status]}.`,
      headers: status === 429 || status === 503 ? { ...REQUEST_ID, ...RETRY_AFTER } : REQUEST_ID,
      content: { 'application/json': { schema: components.add(ErrorAnswer) } },
    };
  }
  return responses;
}

function success(route: Route, components: Components): Response['content'] {
  const { response, contentType } = route;
  if (!response) {
    if (!contentType) throw new Error(`${route.method} ${route.path} declares no answer`);
    const text = contentType.startsWith('text/');
    return { [contentType]: { schema: text ? { type: 'string' } : {} } };
  }
  const selectable = Object.hasOwn(route.query?.properties ?? {}, 'select');
  const schema = selectable ? components.addSelectable(response) : components.add(response);
  return { 'application/json': { schema } };
}

function refusals(route: Route): number[] {
  return [
    ...new Set([
      // Any query can be wrongly encoded, and any server busy.
      ...[400, 500, 503],
      ...(route.access === 'public' ? [] : [401, 429]),
      ...(route.path.includes(':') ? [404] : []),
      ...(route.body ? [413, 415] : []),
      ...(route.access === 'grant' ? [504] : []),
      // What changes a mailbox can be refused by whoever keeps it.
      ...(route.access === 'grant' && route.method !== 'GET' ? [403, 422] : []),
      ...(route.errors ?? []),
    ]),
  ].sort((a, b) => a - b);
}
