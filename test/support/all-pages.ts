import type { TestMailquay } from './mailquay.ts';

/** All pages of a list, by the wire. */
export async function allOf<T>(mailquay: TestMailquay, path: string): Promise<T[]> {
  const all: T[] = [];
  let token = '';
  do {
    const page = `${path}${path.includes('?') ? '&' : '?'}limit=200${token ? `&page_token=${encodeURIComponent(token)}` : ''}`;
    const { status, body, text } = await mailquay.get<{ data: T[]; next_cursor?: string }>(page);
    if (status !== 200) throw new Error(`${page} answered ${status}: ${text.slice(0, 200)}`);
    all.push(...body.data);
    token = body.next_cursor ?? '';
  } while (token);
  return all;
}
