/** The text of a private Postfix configuration: loopback only, nothing leaves the machine. */
export interface PostfixSettings {
  dir: string;
  /** Takes mail for the local domains from anyone, as an MX does. */
  smtpPort: number;
  /** Wants a login, then takes mail for anyone. */
  submissionPort: number;
  submissionsPort?: number;
  domains: string[];
  authSocket: string;
  lmtpPort: number;
  outside: 'bounce' | 'refuse';
  certificateFile?: string;
  keyFile?: string;
  extraConfig: string;
}

export function mainCf(s: PostfixSettings): string {
  const tls = s.certificateFile
    ? `smtpd_tls_security_level = may\nsmtpd_tls_cert_file = ${s.certificateFile}\nsmtpd_tls_key_file = ${s.keyFile}`
    : 'smtpd_tls_security_level = none';
  return `compatibility_level = 3.6
queue_directory = ${s.dir}/queue
data_directory = ${s.dir}/data
maillog_file = ${s.dir}/mail.log
maillog_file_prefixes = ${s.dir}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = ${s.domains[0]}
myorigin = ${s.domains[0]}
mydestination =
mynetworks = 192.0.2.255/32
local_recipient_maps =
local_transport = error:5.1.1 no such local user
alias_maps =
alias_database =
virtual_mailbox_domains = ${s.domains.join(', ')}
virtual_transport = lmtp:inet:127.0.0.1:${s.lmtpPort}
default_transport = error:5.7.1 the testbed sends nothing to the outside
relay_transport = error:5.7.1 the testbed sends nothing to the outside
recipient_delimiter = +
append_dot_mydomain = no
biff = no
disable_dns_lookups = yes
smtpd_banner = $myhostname ESMTP
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${s.authSocket}
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = ${s.outside === 'bounce' ? 'permit_sasl_authenticated, ' : ''}reject_unauth_destination
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_error_sleep_time = 0
smtpd_peername_lookup = no
message_size_limit = 41943040
virtual_mailbox_limit = 0
mailbox_size_limit = 0
queue_run_delay = 5s
minimal_backoff_time = 5s
maximal_backoff_time = 20s
notify_classes =
debugger_command =
${tls}
${s.extraConfig}
`;
}

export function masterCf(s: PostfixSettings): string {
  const submission = [
    '-o smtpd_sasl_auth_enable=yes',
    '-o smtpd_client_restrictions=permit_sasl_authenticated,reject',
  ].join('\n  ');
  const wrapped = s.submissionsPort
    ? `127.0.0.1:${s.submissionsPort} inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n  ${submission}`
    : '';
  return `127.0.0.1:${s.smtpPort} inet n - n - - smtpd
127.0.0.1:${s.submissionPort} inet n - n - - smtpd
  ${submission}
${wrapped}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
}
