/** The text of a private Dovecot 2.3 configuration: every path inside one folder, loopback only. */
export interface DovecotSettings {
  dir: string;
  imapPort: number;
  lmtpPort: number;
  imapsPort?: number;
  /** Replaces the capabilities that IMAP announces after login. */
  capabilities?: string;
  separator: '/' | '.';
  prefix: string;
  extraConfig: string;
  /** Configuration of the user dictionary (passdb and userdb), and file of master users. */
  dictFile: string;
  mastersFile: string;
  certificateFile?: string;
  keyFile?: string;
}

const SPECIAL = ['Drafts', 'Sent', 'Trash', 'Junk', 'Archive'];

export function dovecotConfig(s: DovecotSettings): string {
  const mailboxes = SPECIAL.map(
    (name) => `  mailbox ${name} {\n    special_use = \\${name}\n    auto = create\n  }`,
  );
  return `base_dir = ${s.dir}/run
state_dir = ${s.dir}/state
log_path = ${s.dir}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
${s.imapsPort ? `ssl = yes\nssl_cert = <${s.certificateFile}\nssl_key = <${s.keyFile}` : 'ssl = no'}
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_chars =
auth_username_format = %Lu
auth_master_user_separator = *
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 1
mail_fsync = never
mail_max_userip_connections = 5000
default_process_limit = 5000
default_client_limit = 20000
recipient_delimiter = +
lmtp_rcpt_check_quota = no
lda_mailbox_autocreate = yes
shutdown_clients = yes
${s.capabilities === undefined ? '' : `imap_capability = ${s.capabilities}`}
namespace inbox {
  inbox = yes
  separator = ${s.separator}
  prefix = ${s.prefix}
${mailboxes.join('\n')}
}
passdb {
  driver = passwd-file
  master = yes
  args = username_format=%u ${s.mastersFile}
}
passdb {
  driver = dict
  args = ${s.dictFile}
}
userdb {
  driver = dict
  args = ${s.dictFile}
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = ${s.imapPort}
  }
  inet_listener imaps {
    address = 127.0.0.1
    port = ${s.imapsPort ?? 0}
    ssl = ${s.imapsPort ? 'yes' : 'no'}
  }
  process_min_avail = 1
  service_count = 0
}
service imap {
  process_limit = 5000
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${s.lmtpPort}
  }
}
service auth {
  unix_listener auth-smtp {
    mode = 0666
  }
}
service anvil {
  # no growing delay after refused logins
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
${s.extraConfig}
`;
}
