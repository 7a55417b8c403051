import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { readFault } from './fault-point.ts';

const MODULE = new URL('./fault-point.ts', import.meta.url).href;

/** Passes points in a process of its own and returns how it ended. */
function run(fault: string, points: string[], env: Record<string, string> = {}) {
  const code = `const { faultPoint } = await import(${JSON.stringify(MODULE)});
    for (const name of ${JSON.stringify(points)}) { await faultPoint(name); console.log(name); }`;
  const { signal, stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    env: { PATH: process.env.PATH, MAILQUAY_FAULT: fault, ...env },
    encoding: 'utf8',
  });
  return { signal, status, passed: stdout.split('\n').filter(Boolean) };
}

describe('a fault point', () => {
  it('reads name, action and count, and nothing else', () => {
    expect(readFault('sync.after_fetch:kill:3')).toEqual({
      name: 'sync.after_fetch',
      action: 'kill',
      nth: 3,
    });
    expect(readFault('sync.*:throw')).toEqual({ name: 'sync.*', action: 'throw', nth: 1 });
    for (const text of [undefined, '', 'kill', 'a:explode:1', 'a:kill:x', ':kill:1'])
      expect(readFault(text)).toBeNull();
  });

  it('kills at the nth passing of its name', () => {
    expect(run('a:kill:2', ['a', 'b', 'a', 'a'])).toMatchObject({ signal: 'SIGKILL', passed: ['a', 'b'] });
  });

  it('counts all points that a pattern fits', () => {
    expect(run('x.*:kill:2', ['x.a', 'y.b', 'x.c'])).toMatchObject({
      signal: 'SIGKILL',
      passed: ['x.a', 'y.b'],
    });
    expect(run('*:throw:2', ['a', 'b', 'c'])).toMatchObject({ status: 1, passed: ['a'] });
  });

  it('does nothing in production', () => {
    expect(run('*:kill:1', ['a', 'b'], { NODE_ENV: 'production' })).toMatchObject({
      status: 0,
      passed: ['a', 'b'],
    });
  });
});
