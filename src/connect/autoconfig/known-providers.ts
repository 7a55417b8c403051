import type { KnownProvider, Server } from './servers.ts';

const tls = (host: string, port: number): Server => ({ host, port, security: 'tls' });
const starttls = (host: string, port: number): Server => ({ host, port, security: 'starttls' });
const mailRu = { imap: tls('imap.mail.ru', 993), smtp: tls('smtp.mail.ru', 465) };

/** Each with the help pages of its owner, which give host names, ports and security. */
export const KNOWN_PROVIDERS: KnownProvider[] = [
  {
    // https://developers.google.com/workspace/gmail/imap/imap-smtp
    type: 'gmail',
    provider: 'google',
    domains: ['gmail.com', 'googlemail.com'],
    mx: ['google.com', 'googlemail.com'],
    imap: tls('imap.gmail.com', 993),
    smtp: tls('smtp.gmail.com', 465),
  },
  {
    // https://support.microsoft.com (POP, IMAP, and SMTP settings for Outlook.com)
    type: 'outlook',
    provider: 'microsoft',
    domains: ['outlook.*', 'hotmail.*', 'live.*', 'msn.com', 'passport.com', 'windowslive.com'],
    mx: ['olc.protection.outlook.com'],
    imap: tls('outlook.office365.com', 993),
    smtp: starttls('smtp-mail.outlook.com', 587),
    oauthOnly: true,
  },
  {
    // https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online (Microsoft 365: domains of companies)
    type: 'office365',
    provider: 'microsoft',
    domains: [],
    mx: ['protection.outlook.com', 'mx.microsoft'],
    imap: tls('outlook.office365.com', 993),
    smtp: starttls('smtp.office365.com', 587),
    oauthOnly: true,
  },
  {
    // https://help.yahoo.com/kb/SLN4075.html
    type: 'yahoo',
    provider: 'yahoo',
    domains: ['yahoo.*', 'ymail.com', 'rocketmail.com', 'myyahoo.com'],
    mx: ['yahoodns.net'],
    imap: tls('imap.mail.yahoo.com', 993),
    smtp: tls('smtp.mail.yahoo.com', 465),
  },
  {
    // https://help.aol.com
    type: 'aol',
    provider: 'yahoo',
    domains: ['aol.*', 'aim.com', 'verizon.net'],
    mx: ['mx-aol.mail.gm0.yahoodns.net'],
    imap: tls('imap.aol.com', 993),
    smtp: tls('smtp.aol.com', 465),
  },
  {
    // https://support.apple.com/102525
    type: 'icloud',
    provider: 'icloud',
    domains: ['icloud.com', 'me.com', 'mac.com'],
    mx: ['mail.icloud.com', 'mail.me.com'],
    imap: tls('imap.mail.me.com', 993),
    smtp: starttls('smtp.mail.me.com', 587),
  },
  {
    // https://www.fastmail.help
    type: 'fastmail',
    provider: 'imap',
    domains: ['fastmail.com', 'fastmail.fm', 'messagingengine.com', 'sent.com', 'mailbox.fastmail.com'],
    mx: ['messagingengine.com'],
    imap: tls('imap.fastmail.com', 993),
    smtp: tls('smtp.fastmail.com', 465),
  },
  {
    // https://hilfe.gmx.net
    type: 'gmx',
    provider: 'imap',
    domains: ['gmx.de', 'gmx.net', 'gmx.at', 'gmx.ch', 'gmx.eu', 'gmx.org', 'gmx.info'],
    mx: ['emig.gmx.net', 'gmx.net'],
    imap: tls('imap.gmx.net', 993),
    smtp: tls('mail.gmx.net', 465),
  },
  {
    // https://support.gmx.com
    type: 'gmx',
    provider: 'imap',
    domains: ['gmx.com', 'gmx.us', 'gmx.co.uk', 'gmx.fr', 'gmx.es', 'gmx.it'],
    mx: ['gmx.com'],
    imap: tls('imap.gmx.com', 993),
    smtp: tls('mail.gmx.com', 465),
  },
  {
    // https://support.mail.com
    type: 'mail.com',
    provider: 'imap',
    domains: ['mail.com', 'email.com', 'usa.com', 'consultant.com', 'engineer.com', 'europe.com', 'post.com'],
    mx: ['mx00.mail.com', 'mx01.mail.com'],
    imap: tls('imap.mail.com', 993),
    smtp: tls('smtp.mail.com', 465),
  },
  {
    // https://hilfe.web.de
    type: 'web.de',
    provider: 'imap',
    domains: ['web.de', 'email.de'],
    mx: ['web.de'],
    imap: tls('imap.web.de', 993),
    smtp: starttls('smtp.web.de', 587),
  },
  {
    // https://www.ionos.com/help (mail server addresses and ports)
    type: 'ionos',
    provider: 'imap',
    domains: [],
    mx: ['kundenserver.de', 'ionos.com', 'ionos.de', 'ionos.co.uk', '1and1.com'],
    imap: tls('imap.ionos.com', 993),
    smtp: tls('smtp.ionos.com', 465),
  },
  {
    // https://www.zoho.com/mail/help/imap-access.html (accounts of the data centre in the United States)
    type: 'zoho',
    provider: 'imap',
    domains: ['zoho.com', 'zohomail.com'],
    mx: ['zoho.com'],
    imap: tls('imap.zoho.com', 993),
    smtp: tls('smtp.zoho.com', 465),
  },
  {
    // https://www.zoho.com/mail/help/imap-access.html (accounts of the data centre in Europe)
    type: 'zoho',
    provider: 'imap',
    domains: ['zoho.eu', 'zohomail.eu'],
    mx: ['zoho.eu'],
    imap: tls('imap.zoho.eu', 993),
    smtp: tls('smtp.zoho.eu', 465),
  },
  {
    // https://help.mail.ru
    type: 'mail.ru',
    provider: 'imap',
    domains: ['mail.ru', 'inbox.ru', 'list.ru', 'bk.ru', 'internet.ru', 'xmail.ru'],
    mx: ['mail.ru'],
    ...mailRu,
  },
  {
    // https://yandex.com/support/mail
    type: 'yandex',
    provider: 'imap',
    domains: ['yandex.ru', 'yandex.com', 'yandex.by', 'yandex.kz', 'yandex.com.tr', 'ya.ru', 'narod.ru'],
    mx: ['yandex.ru', 'yandex.net'],
    imap: tls('imap.yandex.com', 993),
    smtp: tls('smtp.yandex.com', 465),
  },
  {
    // https://service.mail.qq.com
    type: 'qq',
    provider: 'imap',
    domains: ['qq.com', 'foxmail.com', 'vip.qq.com'],
    mx: ['mx1.qq.com', 'mx2.qq.com', 'mx3.qq.com'],
    imap: tls('imap.qq.com', 993),
    smtp: tls('smtp.qq.com', 465),
  },
  {
    // https://open.work.weixin.qq.com (Tencent's mail for companies)
    type: 'exmail',
    provider: 'imap',
    domains: [],
    mx: ['mxbiz1.qq.com', 'mxbiz2.qq.com'],
    imap: tls('imap.exmail.qq.com', 993),
    smtp: tls('smtp.exmail.qq.com', 465),
  },
  {
    // https://help.mail.163.com
    type: '163',
    provider: 'imap',
    domains: ['163.com'],
    mx: ['163mx01.mxmail.netease.com', '163mx02.mxmail.netease.com', '163mx03.mxmail.netease.com'],
    imap: tls('imap.163.com', 993),
    smtp: tls('smtp.163.com', 465),
  },
  {
    // https://help.mail.163.com (the same pages hold for 126.com)
    type: '126',
    provider: 'imap',
    domains: ['126.com'],
    mx: ['126mx01.mxmail.netease.com', '126mx02.mxmail.netease.com', '126mx03.mxmail.netease.com'],
    imap: tls('imap.126.com', 993),
    smtp: tls('smtp.126.com', 465),
  },
  {
    // https://www.telekom.de/hilfe
    type: 't-online',
    provider: 'imap',
    domains: ['t-online.de', 'magenta.de'],
    mx: ['t-online.de'],
    imap: tls('secureimap.t-online.de', 993),
    smtp: tls('securesmtp.t-online.de', 465),
  },
  {
    // https://assistance.orange.fr
    type: 'orange',
    provider: 'imap',
    domains: ['orange.fr', 'wanadoo.fr'],
    mx: ['smtp-in.orange.fr'],
    imap: tls('imap.orange.fr', 993),
    smtp: tls('smtp.orange.fr', 465),
  },
  {
    // https://assistance.free.fr
    type: 'free',
    provider: 'imap',
    domains: ['free.fr'],
    mx: ['mx1.free.fr', 'mx2.free.fr'],
    imap: tls('imap.free.fr', 993),
    smtp: tls('smtp.free.fr', 465),
  },
  {
    // https://www.xfinity.com/support
    type: 'comcast',
    provider: 'imap',
    domains: ['comcast.net', 'xfinity.com'],
    mx: ['comcast.net'],
    imap: tls('imap.comcast.net', 993),
    smtp: tls('smtp.comcast.net', 465),
  },
  {
    // https://kb.mailbox.org
    type: 'mailbox.org',
    provider: 'imap',
    domains: ['mailbox.org'],
    mx: ['mailbox.org'],
    imap: tls('imap.mailbox.org', 993),
    smtp: tls('smtp.mailbox.org', 465),
  },
  {
    // https://posteo.de/en/help
    type: 'posteo',
    provider: 'imap',
    domains: ['posteo.de', 'posteo.net', 'posteo.eu'],
    mx: ['posteo.de'],
    imap: tls('posteo.de', 993),
    smtp: tls('posteo.de', 465),
  },
];

/** The service whose own address this is. */
export function providerByDomain(domain: string): KnownProvider | undefined {
  return KNOWN_PROVIDERS.find((known) => known.domains.some((pattern) => fits(domain, pattern)));
}

/** The service that receives a domain's mail; the longest ending decides. */
export function providerByMx(exchange: string): KnownProvider | undefined {
  const name = exchange.toLowerCase().replace(/\.$/, '');
  let best: { known: KnownProvider; length: number } | undefined;
  for (const known of KNOWN_PROVIDERS) {
    for (const suffix of known.mx) {
      if ((name === suffix || name.endsWith(`.${suffix}`)) && suffix.length > (best?.length ?? 0)) {
        best = { known, length: suffix.length };
      }
    }
  }
  return best?.known;
}

/** `yahoo.*` means yahoo.com, yahoo.de, yahoo.co.uk, yahoo.com.br, but not yahoo.example.com. */
function fits(domain: string, pattern: string): boolean {
  if (!pattern.endsWith('.*')) return domain === pattern;
  const rest = domain.startsWith(pattern.slice(0, -1)) ? domain.slice(pattern.length - 1) : '';
  return /^(?:com|[a-z]{2}|(?:com|co|ne)\.[a-z]{2})$/.test(rest);
}
