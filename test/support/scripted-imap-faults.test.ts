import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { faults, type ScriptedImap, startScriptedImap } from './scripted-imap.ts';

describe('faults of a scripted IMAP server, byte for byte', () => {
  let server: ScriptedImap;

  beforeEach(async () => {
    server = await startScriptedImap({ greeting: '* PREAUTH hi' });
    server.deliver('INBOX', 'Subject: one\r\n\r\nbody\r\n', { emailId: 'E1' });
    server.deliver('INBOX', 'Subject: two\r\n\r\nbody\r\n', { emailId: 'E2' });
  });

  afterEach(() => server.stop());

  /** Sends commands in one go and gives everything that came until the connection ended. */
  function talk(...commands: string[]): Promise<string> {
    return new Promise((resolve) => {
      let text = '';
      const socket = net.connect(server.port, server.host);
      socket.setEncoding('latin1').on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text));
      socket.write([...commands, 'z LOGOUT', ''].join('\r\n'));
    });
  }

  test('rows are changed, doubled and left out', async () => {
    server.once(
      'FETCH',
      faults.editRows((row, index) => (index === 0 ? [row, row] : [])),
    );
    const text = await talk('a SELECT INBOX', 'b UID FETCH 1:* (FLAGS)');
    expect(text.match(/^\* 1 FETCH \(UID 1 FLAGS \(\)\)\r$/gm)).toHaveLength(2);
    expect(text).not.toContain('* 2 FETCH');
    server.once('FETCH', faults.withoutUid());
    expect(await talk('a SELECT INBOX', 'b UID FETCH 1 (FLAGS EMAILID)')).toContain(
      '* 1 FETCH (FLAGS () EMAILID (E1))\r\n',
    );
    server.once('FETCH', faults.brokenBodyStructure(false));
    expect(await talk('a SELECT INBOX', 'b FETCH 1 (BODYSTRUCTURE FLAGS)')).toContain(
      '(("TEXT" "PLAIN" ( FLAGS ())\r\n',
    );
  });

  test('an expunge in the middle of a FETCH shifts what follows', async () => {
    server.once('FETCH', faults.expungeDuringFetch('INBOX', 1));
    const text = await talk('a SELECT INBOX', 'b FETCH 1:2 (UID)', 'c FETCH 1 (UID)');
    expect(text).toContain('* 1 FETCH (UID 1)\r\n* 1 EXPUNGE\r\n* 2 FETCH (UID 2)\r\nb OK');
    expect(text).toContain('* 1 FETCH (UID 2)\r\nc OK');
  });

  test('a UIDVALIDITY changes between SELECT and FETCH, told or not', async () => {
    const { uidValidity } = server.model.folder('INBOX');
    server.once('FETCH', faults.uidValidityChange('INBOX'));
    const told = await talk('a SELECT INBOX', 'b UID FETCH 1:* (FLAGS)');
    expect(told).toContain(`* OK [UIDVALIDITY ${uidValidity + 1000}] changed`);
    server.once('FETCH', faults.uidValidityChange('INBOX', false));
    expect(await talk('a SELECT INBOX', 'b UID FETCH 1:* (FLAGS)')).not.toContain(
      `UIDVALIDITY ${uidValidity + 2000}`,
    );
    expect(server.model.folder('INBOX').uidValidity).toBe(uidValidity + 2000);
  });

  test('tags are forged, answers are late, cut off, or end the connection', async () => {
    server.once('NOOP', faults.forgedTag('q7'));
    expect(await talk('a NOOP')).toContain('q7 OK forged\r\na OK NOOP completed\r\n');
    server.once('NOOP', faults.delayed(80));
    const started = Date.now();
    expect(await talk('a NOOP')).toContain('a OK NOOP');
    expect(Date.now() - started).toBeGreaterThanOrEqual(79);
    server.once('NOOP', faults.cut());
    expect(await talk('a NOOP')).not.toContain('a OK');
    server.once('FETCH', (exchange) => exchange.cutAfter(15));
    expect(await talk('a SELECT INBOX', 'b FETCH 1 (BODY[])')).toMatch(
      /SELECT completed\r\n\* 1 FETCH \(BODY$/,
    );
  });

  test('literals are asked for, or come unasked', async () => {
    const text = await talk('a APPEND Sent (\\Seen) {3}', 'abc', 'b APPEND {4+}', 'Sent {2+}', 'xy');
    expect(text).toContain('+ OK\r\n');
    expect(text).toMatch(/a OK \[APPENDUID \d+ 1\]/);
    expect(server.model.folder('Sent').messages.map((message) => message.raw.toString())).toEqual([
      'abc',
      'xy',
    ]);
  });
});
