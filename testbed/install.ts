/** Installs the packages of mail servers and browser where that is ours to do: on Debian and its kin, as root. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { PACKAGES, type Part, testbedAvailable } from './available.ts';
import { findProgram, run } from './process.ts';

const POLICY = '/usr/sbin/policy-rc.d';

/** Installs what is missing; says in one line why the testbed is still not there, if it is not. */
export async function installTestbed(
  parts: Part[] = ['dovecot', 'postfix'],
): Promise<{ ok: boolean; reason?: string }> {
  const before = testbedAvailable(parts);
  const ours = process.getuid?.() === 0 && findProgram('apt-get') && process.env.MAILQUAY_TESTBED !== 'off';
  if (before.ok || !ours) return before;
  const packages = parts.flatMap((part) => PACKAGES[part].split(' '));
  // the packages' own system services are not wanted: the testbed runs private instances
  const blocked = !existsSync(POLICY);
  if (blocked) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const install = [
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      'install',
      '-y',
      '--no-install-recommends',
    ];
    const [program = 'env', ...args] = [...install, ...packages];
    await run(program, args).catch(async () => {
      await run('apt-get', ['update']);
      await run(program, args);
    });
  } catch (error) {
    return {
      ok: false,
      reason: `packages could not be installed: ${(error as Error).message.split('\n').at(-1)}`,
    };
  } finally {
    if (blocked) rmSync(POLICY, { force: true });
  }
  return testbedAvailable(parts);
}
