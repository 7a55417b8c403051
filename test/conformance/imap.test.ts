/** The IMAP mailbox, on real Dovecot and on the scripted server, with all capabilities and with none. */
import { imapMailboxes } from '../../src/providers/imap/provider.ts';
import type { ImapSettings } from '../../src/providers/imap/settings.ts';
import { describeWithTestbed } from '../../testbed/describe.ts';
import { startDovecot } from '../../testbed/dovecot.ts';
import { freePorts } from '../../testbed/process.ts';
import { bareClient } from '../support/bare-client.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { startScriptedImap } from '../support/scripted-imap.ts';
import { describeMailbox } from './mailbox.ts';
import type { MailboxFacts, MailboxFixture } from './trial.ts';

const openMailbox = imapMailboxes({
  resolve: async () => [{ address: '127.0.0.1', servername: undefined }],
});

function accounts(port: number, username: string, password: string) {
  const settings: ImapSettings = {
    imap_username: username,
    imap_host: '127.0.0.1',
    imap_port: port,
    imap_security: 'none',
  };
  return {
    open: () => openMailbox({ settings, secret: { imap_password: password } }),
    openRefused: () => openMailbox({ settings, secret: { imap_password: 'wrong' } }),
    openAt: (other: number) =>
      openMailbox({ settings: { ...settings, imap_port: other }, secret: { imap_password: password } }),
  };
}

async function onDovecot(capabilities?: string): Promise<MailboxFixture> {
  const dovecot = await startDovecot({ capabilities });
  const proxy = await startFaultProxy({ target: { port: dovecot.imapPort } });
  const user = 'conformance@mailquay.example';
  const { username, password } = dovecot.user(user);
  const { open, openRefused, openAt } = accounts(proxy.port, username, password);
  const [closed = 1] = await freePorts(1);
  const client = await bareClient(dovecot, user);
  const within = async (path: string, work: () => Promise<unknown>) => {
    const lock = await client.getMailboxLock(path);
    try {
      await work();
    } finally {
      lock.release();
    }
  };
  return {
    open,
    openRefused,
    openUnreachable: () => openAt(closed),
    createFolder: async (name) => (await client.mailboxCreate(name)).path,
    deliver: (path, raw, options) =>
      dovecot.append(user, path, raw, { flags: options?.flags, internalDate: options?.date }),
    setFlags: (path, uid, flags) =>
      within(path, () => client.messageFlagsSet(String(uid), flags, { uid: true })),
    expunge: (path, uid) => within(path, () => client.messageDelete(String(uid), { uid: true })),
    cut: async () => proxy.resetAll(),
    stop: async () => {
      client.close();
      await proxy.stop();
      await dovecot.stop();
    },
  };
}

async function onScript(capabilities?: string): Promise<MailboxFixture> {
  const server = await startScriptedImap({ capabilities });
  const { open, openRefused, openAt } = accounts(server.port, 'conformance', 'pass');
  const [closed = 1] = await freePorts(1);
  return {
    open,
    openRefused,
    openUnreachable: () => openAt(closed),
    createFolder: async (name) => server.createFolder(name).name,
    deliver: async (path, raw, options) =>
      server.deliver(path, raw, { flags: options?.flags, internalDate: options?.date }),
    setFlags: async (path, uid, flags) => server.setFlags(path, uid, flags),
    expunge: async (path, uid) => server.expunge(path, uid),
    cut: async () => server.cutAll(),
    stop: () => server.stop(),
  };
}

const ALL: MailboxFacts = { pushes: true, tellsOfAll: true, modseq: true, vanished: true, connections: true };
const BARE: MailboxFacts = { ...ALL, pushes: false, tellsOfAll: false, modseq: false, vanished: false };
const OBJECTID: MailboxFacts = { ...ALL, tellsOfAll: false };
const CONDSTORE: MailboxFacts = { ...ALL, tellsOfAll: false, vanished: false };

describeWithTestbed('conformance on Dovecot', () => {
  describeMailbox('IMAP, all capabilities', ALL, () => onDovecot());
  describeMailbox('IMAP, no NOTIFY and no QRESYNC', CONDSTORE, () =>
    onDovecot('IMAP4rev1 IDLE ENABLE CONDSTORE UIDPLUS SPECIAL-USE LIST-EXTENDED'),
  );
  describeMailbox('bare IMAP4rev1', BARE, () => onDovecot('IMAP4rev1'));
});

describeMailbox('IMAP with OBJECTID, scripted', OBJECTID, () => onScript());
describeMailbox('bare IMAP4rev1, scripted', BARE, () => onScript('IMAP4rev1'));
