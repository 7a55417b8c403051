/** Names, subjects and sentences in several scripts that generated mail is made of. */
export const PEOPLE: [name: string, address: string][] = [
  ['Anna Bergström', 'anna.bergstrom@nordic.example'],
  ['Jürgen Groß', 'juergen@werk.example'],
  ['Zoë Lefèvre', 'zoe.lefevre@atelier.example'],
  ['Иван Петров', 'ivan@pochta.example'],
  ['Олена Шевченко', 'olena@kyiv.example'],
  ['山田 太郎', 'taro.yamada@kaisha.example'],
  ['王小明', 'xiaoming.wang@gongsi.example'],
  ['김민준', 'minjun@hoesa.example'],
  ['محمد الأحمد', 'mohammed@sharika.example'],
  ['נועה כהן', 'noa@hevra.example'],
  ['Ελένη Παπαδοπούλου', 'eleni@etairia.example'],
  ['अमित शर्मा', 'amit@company.example'],
  ["Sean O'Connor", 'sean.oconnor@eire.example'],
  ['Doe, Jane (Sales)', 'jane.doe@sales.example'],
  ['Łukasz Żółć', 'lukasz@firma.example'],
  ['Mary "Mae" Smith', 'mae@smith.example'],
  ['', 'no-reply@service.example'],
  ['Nguyễn Thị Hương', 'huong@congty.example'],
  ['José Ñúñez', 'jose@empresa.example'],
  ['สมชาย ใจดี', 'somchai@borisat.example'],
];

export const SUBJECTS = [
  'Minutes of the meeting',
  'Offer for the new office',
  'Rechnung für Oktober',
  'Où en est le projet ?',
  'Счёт на оплату',
  '来週の会議について',
  '关于合同的问题',
  'Invoice 2024-118',
  'Travel plans',
  'تقرير الشهر',
  'Release candidate ready',
  'Question about the API',
  'Żółta teczka',
  'Lunch on Friday? 🍜',
  'Your order has been shipped',
  'Password reset',
  'Server maintenance tonight',
  'Καλημέρα',
];

export const SENTENCES = [
  'Please find the figures below and tell me whether they match yours.',
  'I have talked to the supplier, and they can deliver in the second week of the month.',
  'Können wir das bitte noch vor dem Wochenende klären? Die Prüfung läuft bereits.',
  'Je vous envoie le document signé dès que possible; la réunion est déplacée à mardi.',
  'Напишите, пожалуйста, когда вам удобно созвониться на этой неделе.',
  'お世話になっております。資料を確認しましたので、ご報告いたします。',
  '我们已经收到您的付款,货物将于明天发出。',
  'The build is green again; the flaky test was waiting for a clock that never moved.',
  'It costs €1,250 including tax – the discount of 10 % is already in.',
  'See https://example.org/docs/page?id=42&lang=en for the details.',
  'Thanks a lot, this was exactly what I needed, and it arrived in time.',
  'שלום, אשמח לשמוע מכם בהקדם.',
  'نرجو تأكيد الموعد قبل نهاية الأسبوع.',
  'From here on the numbers are estimates; a line that starts with From must survive.',
  'Could you look at the second page? The table there has one column too many.',
];

export const LISTS = [
  ['dev', 'Developers of Example', 'dev.lists.example'],
  ['announce', 'Announcements', 'announce.lists.example'],
  ['garten', 'Gärtnern für alle', 'garten.lists.example'],
] as const;

export const REPLY_PREFIXES = [
  'Re: ',
  'Re: ',
  'Re: ',
  'RE: ',
  'AW: ',
  'Antw: ',
  'SV: ',
  '回复: ',
  'Re[2]: ',
  'Fwd: ',
];
export const FILE_NAMES = [
  'report.pdf',
  'Übersicht.xlsx',
  '見積書.pdf',
  'photo 1.jpg',
  'notes.txt',
  'contract (final).docx',
];
