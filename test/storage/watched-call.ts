import type { Call } from '../converge/api-user.ts';

/** An answer that says to come again says when, in seconds (RS3). */
const MOST_RETRY_AFTER = 5;

type Request = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; headers: Headers; body: unknown; text: string }>;

/** Calls, and notes in `bad` answers that neither serve nor say when to come again; null where there was no service. */
export function watchedCall(request: Request, bad: string[], said: () => string = () => ''): Call {
  return async (method, path, body) => {
    const answer = await request(method, path, body);
    if (answer.status < 500) return answer;
    const wait = Number(answer.headers.get('retry-after') ?? Number.NaN);
    if (!(answer.status === 503 && wait <= MOST_RETRY_AFTER))
      bad.push(`${method} ${path}: ${answer.status} ${answer.text}\n${said()}`);
    return null;
  };
}
