/** Whether real mail servers and a browser can be started here, and what to do when they cannot. */
import { findProgram } from './process.ts';

export type Part = 'dovecot' | 'postfix' | 'chromium';

export const PACKAGES: Record<Part, string> = {
  dovecot: 'dovecot-imapd dovecot-lmtpd',
  postfix: 'postfix',
  chromium: 'chromium',
};
const PROGRAMS: Record<Part, string[]> = {
  dovecot: ['dovecot', 'doveadm', 'openssl'],
  postfix: ['postfix', 'postconf'],
  chromium: ['chromium'],
};

/** Says whether the testbed can run; the reason is one line that says how to get it. */
export function testbedAvailable(parts: Part[] = ['dovecot']): { ok: boolean; reason?: string } {
  if (process.env.MAILQUAY_TESTBED === 'off') return { ok: false, reason: 'MAILQUAY_TESTBED=off' };
  const missing = parts.filter((part) => PROGRAMS[part].some((program) => !findProgram(program)));
  if (missing.length > 0) {
    const packages = missing.map((part) => PACKAGES[part]).join(' ');
    return {
      ok: false,
      reason: `${missing.join(' and ')} missing: on Debian or Ubuntu, as root: apt-get install -y ${packages}`,
    };
  }
  if (parts.some((part) => part !== 'chromium') && process.getuid?.() !== 0) {
    return { ok: false, reason: 'the testbed starts mail servers as root: run as root or in a container' };
  }
  return { ok: true };
}

/** Throws that one line when the testbed cannot run. */
export function requireTestbed(parts: Part[] = ['dovecot']): void {
  const { ok, reason } = testbedAvailable(parts);
  if (!ok) throw new Error(`no testbed: ${reason}`);
}
