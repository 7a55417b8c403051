import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { a, aaaa, cname, sequence, startDns, type TestDns } from '../../test/support/dns.ts';
import { createEgress } from './egress.ts';
import { parseHost, scopeOf } from './egress-address.ts';

const strict = createEgress({ allowPrivateNetworks: false });
const open = createEgress({ allowPrivateNetworks: true });

/** WH6, and more of the kind: none of these may be dialled unless the operator opens private networks. */
const NEVER_BY_DEFAULT = [
  '127.0.0.1',
  '127.1',
  '0',
  '0.0.0.0',
  '0x7f000001',
  '0x7f.1',
  '017700000001',
  '0177.0.0.1',
  '2130706433',
  '127.0.0.1.',
  '127.0.0.01',
  '1.2.3',
  '1.2.3.4.5',
  '[::1]',
  '::1',
  '0:0:0:0:0:0:0:1',
  '[::]',
  '::',
  '[::ffff:7f00:1]',
  '::ffff:127.0.0.1',
  '::ffff:0:127.0.0.1',
  '[::127.0.0.1]',
  '::7f00:1',
  '[64:ff9b::7f00:1]',
  '64:ff9b:1::7f00:1',
  '[2002:7f00:1::]',
  '2001:0:7f00:1::1',
  'fe80::1%lo',
  'fe80::1',
  'fec0::1',
  'fd00::1',
  'fc00::1',
  'ff02::1',
  '2001:db8::1',
  '100::1',
  '5f00::1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'imap.localhost',
  '①②⑦.⓪.⓪.①',
  '１２７.０.０.１',
  '127。0。0。1',
  'user@example.com',
  'user@127.0.0.1',
  ':22',
  '127.0.0.1:22',
  'example.com:22',
  'example.com/path',
  'example..com',
  'http://example.com',
  '-example.com',
  'exa mple.com',
  'example.com\0.evil.test',
  'example.com\r\nEHLO',
  '',
  '.',
  ' ',
  '[127.0.0.1]',
  '[example.com]',
  '[::1',
  `${'a'.repeat(64)}.com`,
  `${'a.'.repeat(130)}com`,
];

/** Still closed when private networks are open. */
const NEVER = NEVER_BY_DEFAULT.filter(
  (host) =>
    ![
      '127.0.0.1',
      '[::1]',
      '::1',
      '0:0:0:0:0:0:0:1',
      'fd00::1',
      'fc00::1',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      '100.64.0.1',
      'localhost',
      'LOCALHOST',
      'localhost.',
      'imap.localhost',
    ].includes(host),
);

describe('hosts as users write them', () => {
  it.each(NEVER_BY_DEFAULT)('refuses %j', async (host) => {
    await expect(strict.resolve(host)).rejects.toMatchObject({
      name: 'ProviderError',
      kind: 'forbidden_host',
    });
  });

  it.each(NEVER)('refuses %j even with private networks open', async (host) => {
    await expect(open.resolve(host)).rejects.toMatchObject({ kind: 'forbidden_host' });
  });

  it('tells how the operator can open private networks', async () => {
    await expect(strict.resolve('10.0.0.1')).rejects.toThrow('MAILQUAY_ALLOW_PRIVATE_NETWORKS=true');
  });

  it('gives public addresses as they are, without a server name', async () => {
    expect(await strict.resolve('8.8.8.8')).toEqual([
      { address: '8.8.8.8', family: 4, servername: undefined, private: false },
    ]);
    expect(await strict.resolve('[2606:4700:4700:0::1111]')).toEqual([
      { address: '2606:4700:4700::1111', family: 6, servername: undefined, private: false },
    ]);
  });

  it('opens loopback and private ranges, IPv4 first', async () => {
    expect(await open.resolve('localhost.')).toEqual([
      { address: '127.0.0.1', family: 4, servername: 'localhost', private: true },
      { address: '::1', family: 6, servername: 'localhost', private: true },
    ]);
    expect(await open.resolve('192.168.1.1')).toHaveLength(1);
  });

  it('gives private addresses only for plain text', async () => {
    await expect(open.resolve('8.8.8.8', { plainText: true })).rejects.toMatchObject({ code: 'EPLAINTEXT' });
    expect(await open.resolve('127.0.0.1', { plainText: true })).toHaveLength(1);
    await expect(strict.resolve('127.0.0.1', { plainText: true })).rejects.toMatchObject({
      kind: 'forbidden_host',
    });
  });

  it('brings names into one form', () => {
    expect(parseHost('IMAP.Example.COM.')).toEqual({ kind: 'name', name: 'imap.example.com' });
    expect(parseHost('bücher.example')).toEqual({ kind: 'name', name: 'xn--bcher-kva.example' });
  });

  it('never takes an odd text for a global address', () => {
    for (const text of ['', 'x', '127.1', '0x08080808', '2606:4700::1%eth0'])
      expect(scopeOf(text)).toBe('forbidden');
  });
});

describe('the sources', () => {
  it('never switch off the check of certificates (SC6)', () => {
    const root = join(import.meta.dirname, '..');
    for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(
        /rejectUnauthorized|TLS_REJECT_UNAUTHORIZED/,
      );
    }
  });
});

describe('names', () => {
  let dns: TestDns;
  beforeAll(async () => {
    dns = await startDns({
      'mail.example.test': a('8.8.4.4'),
      'mixed.example.test': a('10.0.0.1', '8.8.4.4', '127.0.0.1'),
      'inner.example.test': a('10.0.0.1'),
      'inner6.example.test': aaaa('fd00::1', '::ffff:127.0.0.1'),
      'alias.example.test': [cname('inner.example.test'), ...a('10.0.0.1')],
      'rebind.example.test': sequence(a('8.8.4.4'), a('127.0.0.1')),
      'broken.example.test': 'SERVFAIL',
      'silent.example.test': 'SILENCE',
    });
  });
  afterAll(() => dns.stop());

  const through = (allowPrivateNetworks = false) =>
    createEgress({ allowPrivateNetworks, dnsServers: [dns.server] });

  it('gives the checked addresses and the name for the certificate', async () => {
    expect(await through().resolve('mail.example.test')).toEqual([
      { address: '8.8.4.4', family: 4, servername: 'mail.example.test', private: false },
    ]);
  });

  it('leaves out the private addresses of a mixed list', async () => {
    expect((await through().resolve('mixed.example.test')).map((a) => a.address)).toEqual(['8.8.4.4']);
  });

  it.each(['inner', 'inner6', 'alias'])('refuses a name with private addresses only: %s', async (name) => {
    await expect(through().resolve(`${name}.example.test`)).rejects.toMatchObject({ kind: 'forbidden_host' });
  });

  it.each(['broken', 'silent'])(
    'gives up in time on DNS in trouble, and does not call it "no such name": %s',
    async (name) => {
      const failure = await through()
        .resolve(`${name}.example.test`)
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ kind: 'network' });
      expect(['ENOTFOUND', 'ENODATA']).not.toContain((failure as { code: string }).code);
    },
    15_000,
  );

  it('dials what it checked: a rebinding answer comes too late', async () => {
    const egress = through();
    expect((await egress.resolve('rebind.example.test'))[0]?.address).toBe('8.8.4.4');
    await expect(egress.resolve('rebind.example.test')).rejects.toMatchObject({ kind: 'forbidden_host' });
  });

  it('says that a name does not exist, and that it is no refusal', async () => {
    await expect(through().resolve('nowhere.example.test')).rejects.toMatchObject({
      kind: 'network',
      code: 'ENOTFOUND',
    });
  });

  it('is a lookup function for sockets, too', async () => {
    const { lookup } = through();
    const one = await new Promise((resolve) => lookup('mail.example.test', {}, (...args) => resolve(args)));
    expect(one).toEqual([null, '8.8.4.4', 4]);
    const all = await new Promise((resolve) =>
      lookup('mail.example.test', { all: true }, (...args) => resolve(args)),
    );
    expect(all).toEqual([null, [{ address: '8.8.4.4', family: 4 }]]);
    const refused = await new Promise((resolve) => lookup('127.0.0.1', {}, (error) => resolve(error)));
    expect(refused).toMatchObject({ kind: 'forbidden_host' });
  });
});
