import { afterEach, describe, expect, it } from 'vitest';
import { a, mx, srv, startDns, type TestDns } from '../../../test/support/dns.ts';
import { createEgress } from '../../platform/egress.ts';
import { parseHost } from '../../platform/egress-address.ts';
import { detectProvider } from '../detect.ts';
import { autoconfigure } from './autoconfigure.ts';
import { KNOWN_PROVIDERS, providerByDomain, providerByMx } from './known-providers.ts';

let dns: TestDns | undefined;
afterEach(() => dns?.stop());

async function means(zone: Parameters<typeof startDns>[0]) {
  dns = await startDns(zone);
  const dnsServers = [dns.server];
  return { dnsServers, egress: createEgress({ allowPrivateNetworks: false, dnsServers }) };
}

describe('known services', () => {
  it('are well written', () => {
    for (const known of KNOWN_PROVIDERS) {
      for (const server of [known.imap, known.smtp]) {
        expect(parseHost(server.host).kind).toBe('name');
        expect(['tls', 'starttls']).toContain(server.security);
        expect([993, 465, 587]).toContain(server.port);
      }
      for (const domain of [...known.domains, ...known.mx]) expect(domain).toBe(domain.toLowerCase());
    }
    const domains = KNOWN_PROVIDERS.flatMap((known) => known.domains);
    expect(new Set(domains).size).toBe(domains.length);
  });

  it.each([
    ['gmail.com', 'gmail'],
    ['yahoo.co.uk', 'yahoo'],
    ['yahoo.com.br', 'yahoo'],
    ['hotmail.fr', 'outlook'],
    ['me.com', 'icloud'],
    ['web.de', 'web.de'],
    ['163.com', '163'],
    ['yahoo.example.com', undefined],
    ['notgmail.com', undefined],
    ['mail.gmail.com', undefined],
  ])('keep %s: %s', (domain, type) => {
    expect(providerByDomain(domain)?.type).toBe(type);
  });

  it.each([
    ['aspmx.l.google.com', 'gmail'],
    ['ACME-com.mail.protection.outlook.com.', 'office365'],
    ['outlook-com.olc.protection.outlook.com', 'outlook'],
    ['mx-aol.mail.gm0.yahoodns.net', 'aol'],
    ['mta5.am0.yahoodns.net', 'yahoo'],
    ['mx01.mail.icloud.com', 'icloud'],
    ['in1-smtp.messagingengine.com', 'fastmail'],
    ['notgoogle.com', undefined],
  ])('receive mail at %s: %s', (exchange, type) => {
    expect(providerByMx(exchange)?.type).toBe(type);
  });
});

describe('a domain of somebody', () => {
  it('names its servers in DNS (RFC 6186): TLS first, then the lowest priority', async () => {
    const found = await autoconfigure(
      await means({
        '_imaps._tcp.corp.test': [srv(20, 0, 993, 'second.corp.test'), srv(10, 0, 1993, 'first.corp.test')],
        '_imap._tcp.corp.test': [srv(0, 0, 143, 'plain.corp.test')],
        '_submissions._tcp.corp.test': [srv(0, 0, 0, '.')],
        '_submission._tcp.corp.test': [srv(0, 0, 587, 'out.corp.test')],
      }),
      'corp.test',
    );
    expect(found).toEqual({
      imap: { host: 'first.corp.test', port: 1993, security: 'tls' },
      smtp: { host: 'out.corp.test', port: 587, security: 'starttls' },
    });
  });

  it('is found by its mail exchanger', async () => {
    const found = await autoconfigure(
      await means({ 'corp.test': [mx(20, 'mx.other.test'), mx(10, 'aspmx.l.google.com')] }),
      'corp.test',
    );
    expect(found?.imap.host).toBe('imap.gmail.com');
  });

  it('is not looked for on private hosts', async () => {
    const found = await autoconfigure(
      await means({ 'imap.corp.test': a('127.0.0.1'), 'mail.corp.test': a('10.0.0.1') }),
      'corp.test',
    );
    expect(found).toBeUndefined();
  });

  it('is given up on in time when DNS is silent', async () => {
    const zone = Object.fromEntries(
      ['corp.test', '_imaps._tcp.corp.test', '_imap._tcp.corp.test', 'imap.corp.test', 'mail.corp.test'].map(
        (name) => [name, 'SILENCE' as const],
      ),
    );
    const started = performance.now();
    expect(await autoconfigure(await means(zone), 'corp.test')).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(16_000);
  }, 25_000);
});

describe('detection', () => {
  it('names what can be connected here, or everything when asked', async () => {
    const parts = await means({ 'corp.test': [mx(1, 'corp-test.mail.protection.outlook.com')] });
    const detect = (email: string, allProviderTypes = false) =>
      detectProvider(parts, { email, allProviderTypes });
    expect(await detect('a@gmail.com')).toEqual({
      email_address: 'a@gmail.com',
      detected: true,
      provider: 'imap',
      type: 'gmail',
    });
    expect(await detect('a@gmail.com', true)).toEqual({
      email_address: 'a@gmail.com',
      detected: true,
      provider: 'google',
    });
    expect(await detect('a@corp.test', true)).toMatchObject({ provider: 'microsoft' });
    expect(await detect('a@corp.test')).toEqual({ email_address: 'a@corp.test', detected: false });
    expect(await detect('a@nowhere.test')).toMatchObject({ detected: false });
    expect(await detect('a@localhost')).toMatchObject({ detected: false });
    await expect(detect('not an address')).rejects.toMatchObject({ status: 400, field: 'email' });
    await expect(detect('')).rejects.toMatchObject({ status: 400, field: 'email' });
  });
});
