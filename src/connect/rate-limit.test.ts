import { describe, expect, it } from 'vitest';
import { ApiError } from '../platform/errors.ts';
import { RateLimit } from './rate-limit.ts';

describe('a rate limit', () => {
  it('lets a burst through, then as many as time brings back, for each key alone', () => {
    let now = 0;
    const limit = new RateLimit(20, 60, () => now);
    const refused = (key: string) => {
      try {
        limit.take(key);
        return undefined;
      } catch (error) {
        return error as ApiError;
      }
    };
    for (let i = 0; i < 20; i++) expect(refused('a')).toBeUndefined();
    expect(refused('a')).toMatchObject({ status: 429, retryAfterSeconds: 3 });
    expect(refused('b')).toBeUndefined();
    now += 2_999;
    expect(refused('a')?.retryAfterSeconds).toBe(1);
    now += 2;
    expect(refused('a')).toBeUndefined();
    expect(refused('a')).toBeInstanceOf(ApiError);
    now += 3_600_000;
    for (let i = 0; i < 20; i++) expect(refused('a')).toBeUndefined();
    expect(refused('a')).toBeInstanceOf(ApiError);
  });
});
