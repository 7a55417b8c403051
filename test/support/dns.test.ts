import { Resolver } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { a, aaaa, cname, mx, sequence, srv, startDns, type TestDns, txt } from './dns.ts';

describe('a DNS server for tests', () => {
  let dns: TestDns;
  let resolver: Resolver;

  beforeEach(async () => {
    dns = await startDns({
      'example.com': [
        ...a('192.0.2.1', '192.0.2.2'),
        ...aaaa('2001:db8::1', '::ffff:127.0.0.1'),
        mx(10, 'mx.example.com'),
      ],
      'text.example.com': [txt('v=spf1 -all'), txt('x'.repeat(600))],
      '_imaps._tcp.example.com': [srv(0, 1, 993, 'imap.example.com')],
      'www.example.com': [cname('web.example.com')],
      'web.example.com': a('192.0.2.7'),
      '*.wild.example.com': a('192.0.2.9'),
      'rebind.example.com': sequence(a('192.0.2.10'), a('127.0.0.1')),
      'broken.example.com': 'SERVFAIL',
    });
    resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([dns.server]);
  });

  afterEach(() => dns.stop());

  test('answers records of each type', async () => {
    expect(await resolver.resolve4('Example.com', { ttl: true })).toEqual([
      { address: '192.0.2.1', ttl: 0 },
      { address: '192.0.2.2', ttl: 0 },
    ]);
    expect(await resolver.resolve6('example.com')).toEqual(['2001:db8::1', '::ffff:127.0.0.1']);
    expect(await resolver.resolveMx('example.com')).toMatchObject([
      { priority: 10, exchange: 'mx.example.com' },
    ]);
    expect(await resolver.resolveTxt('text.example.com')).toEqual([
      ['v=spf1 -all'],
      ['x'.repeat(255), 'x'.repeat(255), 'x'.repeat(90)],
    ]);
    expect(await resolver.resolveSrv('_imaps._tcp.example.com')).toMatchObject([
      { name: 'imap.example.com', port: 993 },
    ]);
    expect(await resolver.resolve4('www.example.com')).toEqual(['192.0.2.7']);
    expect(await resolver.resolveCname('www.example.com')).toEqual(['web.example.com']);
    expect(await resolver.resolve4('a.b.wild.example.com')).toEqual(['192.0.2.9']);
    expect(dns.queries[0]).toEqual({ name: 'example.com', type: 'A' });
  });

  test('says what is missing, and fails as told', async () => {
    await expect(resolver.resolve4('none.example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolveMx('web.example.com')).rejects.toMatchObject({ code: 'ENODATA' });
    await expect(resolver.resolve4('broken.example.com')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    dns.set('mute.example.com', 'SILENCE');
    await expect(resolver.resolve4('mute.example.com')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  test('changes its answers from query to query', async () => {
    expect(await resolver.resolve4('rebind.example.com')).toEqual(['192.0.2.10']);
    expect(await resolver.resolve4('rebind.example.com')).toEqual(['127.0.0.1']);
    dns.set('count.example.com', (_, asked) => (asked < 2 ? a(`192.0.2.${asked}`) : 'NXDOMAIN'));
    expect(await resolver.resolve4('count.example.com')).toEqual(['192.0.2.0']);
    expect(await resolver.resolve4('count.example.com')).toEqual(['192.0.2.1']);
    await expect(resolver.resolve4('count.example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});
