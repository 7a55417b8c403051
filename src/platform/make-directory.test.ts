import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeDirectory } from './make-directory.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'mailquay-directory-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

it('makes what is missing, with the mode, and leaves what is there', () => {
  makeDirectory(join(dir, 'a', 'b'), 0o700);
  expect(statSync(join(dir, 'a', 'b')).mode & 0o777).toBe(0o700);
  makeDirectory(join(dir, 'a'), 0o755);
  expect(statSync(join(dir, 'a')).mode & 0o777).toBe(0o700);
});

it('says so where nothing can be made, instead of trying for ever', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => makeDirectory(join(dir, 'file'), 0o700)).toThrow(/EEXIST/);
  expect(() => makeDirectory(join(dir, 'file', 'below'), 0o700)).toThrow(/ENOTDIR/);
  expect(() => makeDirectory('/proc/mailquay/data', 0o700)).toThrow();
});
