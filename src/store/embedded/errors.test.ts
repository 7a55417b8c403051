import { expect, it } from 'vitest';
import { DiskFullError, explainFailure } from './errors.ts';

it('tells a full disk from wrong permissions from anything else', () => {
  const full = explainFailure('start', '/data/postgres', 'FATAL:  could not write: No space left on device');
  expect(full).toBeInstanceOf(DiskFullError);
  expect(full.message).toContain('/data/postgres');
  expect(explainFailure('start', '/d', 'data directory "/d" has wrong ownership').code).toBe(
    'cluster_not_accessible',
  );
  const other = explainFailure('start', '/d', 'one\ntwo\nthree\nfour\nfive');
  expect(other.code).toBe('server_failed');
  expect(other.message).toBe('PostgreSQL could not start in /d:\ntwo\nthree\nfour\nfive');
});
