import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keyFilePath, readKeyFile, writeKeyFile } from './key-file.ts';
import { keyIdOf, MasterKey, parseMasterKey } from './master-key.ts';
import { SecretValue } from './secret-value.ts';
import { readSecrets, type SecretPlace, Secrets } from './secrets.ts';

const place: SecretPlace = {
  table: 'grants',
  column: 'secret',
  rowId: '11111111-1111-4111-8111-111111111111',
  applicationId: '22222222-2222-4222-8222-222222222222',
};

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'mq-secrets-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('a secret value', () => {
  it('shows itself to nobody who does not ask by name', () => {
    const secret = new SecretValue('hunter2');
    const shown = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }, { showHidden: true, depth: 9 }),
      format('%s %o %j', secret, secret, secret),
      Object.values(secret).join(),
    ];
    for (const text of shown) expect(text).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('encryption', () => {
  const key = MasterKey.generate();
  const secrets = new Secrets('/nonexistent', key, []);

  it('opens at its own place only', () => {
    const sealed = secrets.seal(key.id, place, new SecretValue('pässword'));
    expect(secrets.open(place, sealed).reveal()).toBe('pässword');
    expect(sealed.toString('latin1')).not.toContain('password');
    for (const moved of [
      { ...place, rowId: '11111111-1111-4111-8111-111111111112' },
      { ...place, applicationId: '22222222-2222-4222-8222-222222222223' },
      { ...place, column: 'other' as 'secret' },
      { ...place, table: 'others' as 'grants' },
    ]) {
      expect(() => secrets.open(moved, sealed)).toThrow('does not belong to this place');
    }
  });

  it('notices every changed byte', () => {
    const sealed = secrets.seal(key.id, place, new SecretValue('x'));
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = changed[i]! ^ 1;
      expect(() => secrets.open(place, changed)).toThrow();
    }
    expect(() => secrets.open(place, sealed.subarray(0, 20))).toThrow('not an envelope');
    expect(() => secrets.open(place, Buffer.alloc(0))).toThrow('not an envelope');
  });

  it('never gives the same ciphertext twice, and names its key', () => {
    const a = secrets.seal(key.id, place, new SecretValue('x'));
    const b = secrets.seal(key.id, place, new SecretValue('x'));
    expect(a.equals(b)).toBe(false);
    expect(keyIdOf(a)).toBe(key.id);
  });

  it('does not print keys', () => {
    const raw = key.export();
    for (const text of [
      inspect(key, { showHidden: true }),
      JSON.stringify(key),
      inspect(secrets, { depth: 9 }),
    ]) {
      expect(text).not.toContain(raw);
    }
  });
});

describe('a master key from the environment', () => {
  const good = Buffer.from('f3a91c5e07d24b8896e1aa3d5c7f0b12849de6730c21b5f84a6de09378c1fb45', 'hex');

  it.each([
    ['hex', good.toString('hex')],
    ['base64', good.toString('base64')],
    ['base64url', good.toString('base64url')],
    ['with white space around', ` ${good.toString('base64')}\n`],
  ])('is read from %s', (_, text) => {
    expect(parseMasterKey(text, 'MAILQUAY_MASTER_KEY').id).toBe(new MasterKey(good).id);
  });

  it.each([
    ['empty', ''],
    ['a word', 'changeme'],
    ['too short', good.subarray(1).toString('base64')],
    ['too long', Buffer.concat([good, good]).toString('base64')],
    ['31 bytes of hex', good.subarray(1).toString('hex')],
    ['all zero', Buffer.alloc(32).toString('hex')],
    ['all zero in base64', Buffer.alloc(32).toString('base64')],
    ['one byte repeated', Buffer.alloc(32, 7).toString('base64')],
    ['a pattern', Buffer.from('0123456789abcdef'.repeat(4), 'hex').toString('base64')],
    ['counting up', Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64')],
    ['plain text', Buffer.from('correct-horse-battery-staple-012').toString('base64')],
  ])('is refused: %s', (_, text) => {
    let error: Error | undefined;
    try {
      readSecrets({ dataDir, masterKey: text, previousMasterKeys: [] });
    } catch (thrown) {
      error = thrown as Error;
    }
    expect(error?.name).toBe('StartupError');
    expect(error?.message).toContain('MAILQUAY_MASTER_KEY');
    if (text) expect(error?.message).not.toContain(text);
  });
});

describe('the key file', () => {
  it('is for its owner only, and reads back', () => {
    const keys = [MasterKey.generate(), MasterKey.generate()];
    writeKeyFile(dataDir, keys);
    expect(statSync(keyFilePath(dataDir)).mode & 0o777).toBe(0o600);
    expect(readKeyFile(dataDir).map((key) => key.id)).toEqual(keys.map((key) => key.id));
  });

  it('is refused when others may read it', () => {
    writeKeyFile(dataDir, [MasterKey.generate()]);
    chmodSync(keyFilePath(dataDir), 0o644);
    expect(() => readKeyFile(dataDir)).toThrow('chmod 600');
  });

  it('is refused when it is empty or no key file, without quoting it', () => {
    writeFileSync(keyFilePath(dataDir), '# nothing\n', { mode: 0o600 });
    expect(() => readKeyFile(dataDir)).toThrow('holds no key');
    writeFileSync(keyFilePath(dataDir), 'secretish\n', { mode: 0o600 });
    expect(() => readKeyFile(dataDir)).toThrow(/must be 32 random bytes/);
    expect(() => readKeyFile(dataDir)).not.toThrow('secretish');
  });

  it('is read again when a key is not known', () => {
    writeKeyFile(dataDir, [MasterKey.generate()]);
    const secrets = readSecrets({ dataDir, masterKey: null, previousMasterKeys: [] });
    const later = MasterKey.generate();
    expect(secrets.find(later.id)).toBeUndefined();
    writeKeyFile(dataDir, [later]);
    expect(secrets.find(later.id)?.id).toBe(later.id);
  });

  it('makes a missing data directory for its owner only', () => {
    const fresh = join(dataDir, 'a', 'b');
    writeKeyFile(fresh, [MasterKey.generate()]);
    expect(statSync(fresh).mode & 0o777).toBe(0o700);
    expect(readFileSync(keyFilePath(fresh), 'utf8')).toContain('# Master keys');
  });
});
