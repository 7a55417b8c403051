import { expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { StartupError } from './errors.ts';

it('has a value for everything that is not set', () => {
  expect(readConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8025,
    apiKey: null,
    masterKey: null,
    databaseUrl: null,
    allowPrivateNetworks: false,
    logLevel: 'warn',
    blobs: { kind: 'files' },
    dnsServers: [],
    rateLimits: { grantPerSecond: 200, applicationPerSecond: 50, detectionsPerMinute: 20 },
  });
});

it('takes what is set, and an empty value for not set', () => {
  const env = {
    MAILQUAY_PORT: '0',
    MAILQUAY_API_KEY: 'long-enough-a-key',
    MAILQUAY_ALLOW_PRIVATE_NETWORKS: 'Yes',
    MAILQUAY_DNS_SERVERS: '9.9.9.9, [2620:fe::fe]:53,::1,127.0.0.1:5353',
    MAILQUAY_LOG_LEVEL: 'trace',
    MAILQUAY_GRANT_REQUESTS_PER_SECOND: '0',
    DATABASE_URL: 'postgresql://ada@db.example.com/mail',
  };
  expect(readConfig(env)).toMatchObject({
    port: 0,
    apiKey: env.MAILQUAY_API_KEY,
    allowPrivateNetworks: true,
    dnsServers: ['9.9.9.9', '[2620:fe::fe]:53', '::1', '127.0.0.1:5353'],
    logLevel: 'trace',
    rateLimits: { grantPerSecond: 0, applicationPerSecond: 50 },
    databaseUrl: env.DATABASE_URL,
  });
  const empty = Object.fromEntries(Object.keys(env).map((name) => [name, '']));
  expect(readConfig(empty)).toEqual(readConfig({}));
});

it.each<[name: string, value: string, others?: Record<string, string>]>([
  ['MAILQUAY_PORT', '80a'],
  ['MAILQUAY_PORT', '-1'],
  ['MAILQUAY_PORT', '65536'],
  ['MAILQUAY_API_KEY', 'short'],
  ['MAILQUAY_API_KEY', 'a key with blanks in it'],
  ['MAILQUAY_API_KEY', 'schlüssel-mit-umlaut'],
  ['MAILQUAY_ALLOW_PRIVATE_NETWORKS', 'perhaps'],
  ['MAILQUAY_LOG_LEVEL', 'loud'],
  ['MAILQUAY_RAW_RETENTION_DAYS', '1.5'],
  ['MAILQUAY_RAW_RETENTION_DAYS', '9999'],
  ['MAILQUAY_GRANT_REQUESTS_PER_SECOND', '-1'],
  ['MAILQUAY_APPLICATION_REQUESTS_PER_SECOND', 'none'],
  ['MAILQUAY_DETECTIONS_PER_MINUTE', '1e9'],
  ['MAILQUAY_DNS_SERVERS', '127.0.0.1,dns'],
  ['MAILQUAY_DNS_SERVERS', '127.0.0.1:99999'],
  ['MAILQUAY_S3_URL', 'bucket'],
  ['MAILQUAY_S3_URL', 'https://s3.example.com/'],
  ['MAILQUAY_S3_URL', 'https://s3.example.com/bucket', { MAILQUAY_S3_ACCESS_KEY_ID: 'id' }],
  ['DATABASE_URL', 'mysql://localhost/mail'],
])('names %s when it is %j', (name, value, others = {}) => {
  expect(() => readConfig({ ...others, [name]: value })).toThrow(StartupError);
  expect(() => readConfig({ ...others, [name]: value })).toThrow(name);
});
