import { describe, expect, it, test } from 'vitest';
import { textToHtml } from '../text-html.ts';
import { type CleanOptions, cleanBody } from './clean.ts';

const OPTIONS: CleanOptions = {
  ignoreLinks: true,
  ignoreImages: true,
  imagesAsMarkdown: false,
  ignoreTables: true,
  removeConclusionPhrases: true,
  htmlAsMarkdown: false,
};
const clean = (html: string) => cleanBody(html, OPTIONS);
const cleanText = (text: string) => clean(textToHtml(text));

/** HTML as the programs write it, shortened; what was written is always `Yes, Tuesday works.` and `See you there.` */
const REPLIES: Record<string, string> = {
  Gmail: `<div dir="ltr">Yes, Tuesday works.<div><br></div><div>See you there.</div></div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Mon, Jan 15, 2024 at 10:00 AM Bob &lt;<a href="mailto:bob@example.org">bob@example.org</a>&gt; wrote:<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"><div dir="ltr">Is Tuesday fine?</div></blockquote></div>`,
  'Gmail, years ago': `Yes, Tuesday works.<br><br>See you there.<div class="gmail_extra"><br><div class="gmail_quote">2014-01-15 10:00 GMT+01:00 Bob <span dir="ltr">&lt;bob@example.org&gt;</span>:<br><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">Is Tuesday fine?</blockquote></div><br></div>`,
  'Apple Mail': `<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body style="overflow-wrap: break-word;">Yes, Tuesday works.<div><br></div><div>See you there.<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>On 15. Jan 2024, at 10:00, Bob &lt;bob@example.org&gt; wrote:</div><br class="Apple-interchange-newline"><div><div>Is Tuesday fine?</div></div></blockquote></div><br></div></body></html>`,
  'iOS Mail': `<html><body dir="auto">Yes, Tuesday works.<div><br></div><div>See you there.<br><br><div id="AppleMailSignature" dir="ltr">Sent from my iPhone</div><div dir="ltr"><br><blockquote type="cite">On 15 Jan 2024, at 10:00, Bob &lt;bob@example.org&gt; wrote:<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">Is Tuesday fine?</div></blockquote></div></body></html>`,
  'Outlook for Windows': `<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal{margin:0cm}</style></head><body lang="EN-US"><div class="WordSection1"><p class="MsoNormal">Yes, Tuesday works.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">See you there.<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>From:</b> Bob &lt;bob@example.org&gt;<br><b>Sent:</b> Monday, January 15, 2024 10:00 AM<br><b>To:</b> Ada &lt;ada@example.org&gt;<br><b>Subject:</b> Tuesday<o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">Is Tuesday fine?<o:p></o:p></p></div></body></html>`,
  'Outlook in a language that nobody listed': `<div class="WordSection1"><p class="MsoNormal">Yes, Tuesday works.</p><p class="MsoNormal">&nbsp;</p><p class="MsoNormal">See you there.</p><div style='border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal><b>Xfrom:</b> Bob<br><b>Xsent:</b> 15.1.2024<br><b>Xto:</b> Ada</p></div><p class="MsoNormal">Is Tuesday fine?</p></div>`,
  'Outlook on the web': `<div class="elementToProof" style="font-family: Aptos">Yes, Tuesday works.</div><div class="elementToProof"><br></div><div>See you there.</div><div id="Signature"><p>Ada Byron<br>Analyst</p></div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>From:</b> Bob &lt;bob@example.org&gt;<br><b>Sent:</b> Monday<br><b>To:</b> Ada<br><b>Subject:</b> Tuesday</font><div>&nbsp;</div></div><div>Is Tuesday fine?</div>`,
  'Outlook on a phone': `<div dir="ltr">Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div id="ms-outlook-mobile-body-separator-line"><br></div><div id="ms-outlook-mobile-signature"><div>Get <a href="https://aka.ms/x">Outlook for iOS</a></div></div><div id="mail-editor-reference-message-container"><hr><div id="divRplyFwdMsg"><b>From:</b> Bob<br></div>Is Tuesday fine?</div>`,
  'Outlook for Mac': `<div>Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div><br></div><span id="OLK_SRC_BODY_SECTION"><div style="border-top: #b5c4df 1pt solid"><span style="font-weight:bold">From: </span> Bob<br></div><div>Is Tuesday fine?</div></span>`,
  Hotmail: `<div class="hmmessage">Yes, Tuesday works.<br><br>See you there.<br><div><hr id="stopSpelling">Date: Mon, 15 Jan 2024 10:00:00 +0000<br>Subject: Tuesday<br>From: bob@example.org<br>To: ada@example.org<br><br>Is Tuesday fine?</div></div>`,
  Thunderbird: `<html><body><p>Yes, Tuesday works.</p><p>See you there.<br></p><div class="moz-signature">-- <br>Ada Byron</div><div class="moz-cite-prefix">On 15.01.24 10:00, Bob wrote:<br></div><blockquote type="cite" cite="mid:1@example.org"><pre wrap="" class="moz-quote-pre">Is Tuesday fine?</pre></blockquote></body></html>`,
  'Yahoo Mail': `<div class="ydp12ab34yahoo-style-wrap" style="font-family:Helvetica"><div dir="ltr">Yes, Tuesday works.</div><div dir="ltr"><br></div><div>See you there.</div><div class="ydp12ab34signature">Ada</div></div><div id="yahoo_quoted_123456" class="yahoo_quoted"><div><div>On Monday, January 15, 2024 at 10:00:00 AM GMT+1, Bob &lt;bob@example.org&gt; wrote:</div><div><br></div><div>Is Tuesday fine?</div></div></div>`,
  'Proton Mail': `<div style="font-family: Arial">Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div class="protonmail_signature_block"><div class="protonmail_signature_block-proton">Sent with <a href="https://proton.me">Proton Mail</a> secure email.</div></div><div><br></div><div class="protonmail_quote">On Monday, January 15th, 2024 at 10:00 AM, Bob &lt;bob@example.org&gt; wrote:<br><br><blockquote class="protonmail_quote" type="cite">Is Tuesday fine?</blockquote></div>`,
  'Proton Mail, years ago': `<div>Yes, Tuesday works.<br></div><div><br></div><div>See you there.</div><div class="protonmail_quote">‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐<br> On Monday, January 15, 2021 10:00 AM, Bob &lt;bob@example.org&gt; wrote:<br><blockquote class="protonmail_quote" type="cite"><p>Is Tuesday fine?</p></blockquote></div>`,
  'GMX and web.de': `<div>Yes, Tuesday works.</div><div>&nbsp;</div><div>See you there.</div><div>&nbsp;<div name="quote" style="margin:10px 5px 5px 10px; border-left:2px solid #C3D9E5;"><div><b>Gesendet:</b> Montag, 15. Januar 2024<br><b>Von:</b> Bob</div>Is Tuesday fine?</div></div>`,
  'mail.ru': `<div>Yes, Tuesday works.</div><div>&nbsp;</div><div>See you there.</div><div>&nbsp;</div><div>Понедельник, 15 января 2024, 10:00 +03:00 от Bob &lt;bob@example.org&gt;:</div><blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;"><div>Is Tuesday fine?</div></blockquote>`,
  Yandex: `<div>Yes, Tuesday works.</div><div>&nbsp;</div><div>See you there.</div><div>&nbsp;</div><div>15.01.2024, 10:00, "Bob" &lt;bob@example.org&gt;:</div><blockquote><div>Is Tuesday fine?</div></blockquote>`,
  NetEase: `<div>Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div>在 2024-01-15 10:00:00，"Bob" &lt;bob@example.org&gt; 写道：</div><blockquote id="isReplyContent" style="PADDING-LEFT: 1ex"><div>Is Tuesday fine?</div></blockquote>`,
  'QQ Mail': `<div>Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div><br></div><div style="font-size: 12px;">------------------&nbsp;原始邮件&nbsp;------------------</div><div style="font-size: 12px;background:#efefef;"><div><b>发件人:</b>&nbsp;"Bob"&lt;bob@example.org&gt;;</div><div><b>发送时间:</b>&nbsp;2024年1月15日</div><div><b>收件人:</b>&nbsp;"Ada";</div><div><b>主题:</b>&nbsp;Tuesday</div></div><div>Is Tuesday fine?</div>`,
  Zoho: `<div>Yes, Tuesday works.<br></div><div><br></div><div>See you there.</div><div class="zmail_extra" id="Zm-_Id_-Sgn1"><div>---- On Mon, 15 Jan 2024 10:00:00 +0100 <b>Bob &lt;bob@example.org&gt;</b> wrote ----<br></div><blockquote style="margin: 0px;"><div>Is Tuesday fine?</div></blockquote></div>`,
  Spark: `<div name="messageBodySection"><div dir="auto">Yes, Tuesday works.</div><br><div>See you there.</div></div><div name="messageSignatureSection"><br>Ada</div><div name="messageReplySection">On 15 Jan 2024 at 10:00 +0100, Bob &lt;bob@example.org&gt;, wrote:<br><blockquote type="cite">Is Tuesday fine?</blockquote></div>`,
  'eM Client': `<div>Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div><br></div><div>------ Original Message ------</div><div>From "Bob" &lt;bob@example.org&gt;</div><div>To "Ada"</div><div>Date 15.01.2024</div><div>Subject Tuesday</div><div><br></div><blockquote cite="x" type="cite" class="cite2"><div>Is Tuesday fine?</div></blockquote>`,
  Samsung: `<html><body dir="auto"><div>Yes, Tuesday works.</div><div><br></div><div>See you there.</div><div><br></div><div id="composer_signature"><div>Sent from my Galaxy</div></div><div><br></div><div align="left"><div>-------- Original message --------</div><div>From: Bob &lt;bob@example.org&gt; </div><div>Date: 15/01/2024  10:00  (GMT+01:00) </div><div>To: Ada </div><div>Subject: Tuesday </div></div><div>Is Tuesday fine?</div></body></html>`,
  'a mail that Outlook quoted before': `<div>Yes, Tuesday works.</div><br><div>See you there.</div><div class="x_gmail_quote"><div class="x_gmail_attr">On Mon, Bob wrote:</div><blockquote class="x_gmail_quote">Is Tuesday fine?</blockquote></div>`,
};

describe('a reply keeps what was written', () => {
  it.each(Object.entries(REPLIES))('in %s', (_name, html) => {
    expect(clean(html)).toBe('Yes, Tuesday works.\n\nSee you there.');
  });
});

/** How the quote begins, with or without marks before its lines. */
const ATTRIBUTIONS: Record<string, string> = {
  English: 'On Mon, Jan 15, 2024 at 10:00 AM Bob <bob@example.org> wrote:',
  'English, on two lines':
    'On Mon, Jan 15, 2024 at 10:00 AM Bob Longname of Somewhere\n<bob@example.org> wrote:',
  German: 'Am Mo., 15. Jan. 2024 um 10:00 Uhr schrieb Bob <bob@example.org>:',
  French: 'Le lun. 15 janv. 2024 à 10:00, Bob <bob@example.org> a écrit :',
  Spanish: 'El lun, 15 ene 2024 a las 10:00, Bob (<bob@example.org>) escribió:',
  Portuguese: 'Em seg., 15 de jan. de 2024 às 10:00, Bob <bob@example.org> escreveu:',
  Italian: 'Il giorno lun 15 gen 2024 alle ore 10:00 Bob <bob@example.org> ha scritto:',
  Dutch: 'Op ma 15 jan 2024 om 10:00 schreef Bob <bob@example.org>:',
  Swedish: 'Den mån 15 jan. 2024 kl 10:00 skrev Bob <bob@example.org>:',
  Finnish: 'ma 15. tammik. 2024 klo 10.00 Bob (bob@example.org) kirjoitti:',
  Polish: 'pon., 15 sty 2024 o 10:00 Bob <bob@example.org> napisał(a):',
  Czech: 'po 15. 1. 2024 v 10:00 odesílatel Bob <bob@example.org> napsal:',
  Hungarian: 'Bob <bob@example.org> ezt írta (időpont: 2024. jan. 15., H, 10:00):',
  Romanian: 'În lun., 15 ian. 2024 la 10:00, Bob <bob@example.org> a scris:',
  Turkish: 'Bob <bob@example.org>, 15 Oca 2024 Pzt, 10:00 tarihinde şunu yazdı:',
  Russian: 'пн, 15 янв. 2024 г. в 10:00, Bob <bob@example.org>:',
  Ukrainian: 'пн, 15 січ. 2024 р. о 10:00 Bob <bob@example.org> пише:',
  Greek: 'Στις Δευ 15 Ιαν 2024 στις 10:00 π.μ., ο χρήστης Bob <bob@example.org> έγραψε:',
  Hebrew:
    '\u202bבתאריך יום ב׳, 15 בינו׳ 2024 ב-10:00 מאת \u202aBob\u202c\u200f <\u202abob@example.org\u202c\u200f>:\u202c',
  Arabic: 'في الاثنين، 15 يناير 2024 في 10:00 ص تمت كتابة ما يلي بواسطة Bob <bob@example.org>:',
  Chinese: 'Bob <bob@example.org> 于2024年1月15日周一 10:00写道：',
  Japanese: '2024年1月15日(月) 10:00 Bob <bob@example.org>:',
  Korean: '2024년 1월 15일 (월) 오전 10:00, Bob <bob@example.org>님이 작성:',
};

/** Headers of the original as Outlook and others write them into text. */
const HEADERS: Record<string, string> = {
  English: 'From: Bob <bob@example.org>\nSent: Monday, January 15, 2024\nTo: Ada; Eve\nSubject: Tuesday',
  German: 'Von: Bob <bob@example.org>\nGesendet: Montag, 15. Januar 2024\nAn: Ada\nCc: Eve\nBetreff: Tuesday',
  French: 'De : Bob <bob@example.org>\nEnvoyé : lundi 15 janvier 2024\nÀ : Ada\nObjet : Tuesday',
  Spanish: 'De: Bob <bob@example.org>\nEnviado el: lunes, 15 de enero\nPara: Ada\nAsunto: Tuesday',
  Italian: 'Da: Bob <bob@example.org>\nInviato: lunedì 15 gennaio\nA: Ada\nOggetto: Tuesday',
  Dutch: 'Van: Bob <bob@example.org>\nVerzonden: maandag 15 januari\nAan: Ada\nOnderwerp: Tuesday',
  Polish: 'Od: Bob <bob@example.org>\nWysłano: 15 stycznia\nDo: Ada\nTemat: Tuesday',
  Russian: 'От: Bob <bob@example.org>\nОтправлено: 15 января\nКому: Ada\nТема: Tuesday',
  Chinese: '发件人: Bob <bob@example.org>\n发送时间: 2024年1月15日\n收件人: Ada\n主题: Tuesday',
  Japanese: '差出人: Bob <bob@example.org>\n送信日時: 2024年1月15日\n宛先: Ada\n件名: Tuesday',
  'bold, as text': '*From:* Bob <bob@example.org>\n*Date:* Monday\n*To:* Ada\n*Subject:* Tuesday',
  'with a line that goes on':
    'From: Bob\nTo: Ada <ada@example.org>,\n Eve <eve@example.org>\nSubject: Tuesday',
};

describe('in plain text', () => {
  it.each(Object.entries(ATTRIBUTIONS))('an introduction in %s is found', (_language, words) => {
    expect(cleanText(`Yes, Tuesday works.\n\n${words}\n\n> Is Tuesday fine?\n> Bob\n`)).toBe(
      'Yes, Tuesday works.',
    );
    expect(cleanText(`Yes, Tuesday works.\n${words}\n> Is Tuesday fine?`)).toBe('Yes, Tuesday works.');
    // Nothing marks the quote.
    expect(cleanText(`Yes, Tuesday works.\n\n${words}\n\nIs Tuesday fine?`)).toBe('Yes, Tuesday works.');
  });

  it.each(Object.entries(HEADERS))('headers in %s are found', (_language, headers) => {
    expect(cleanText(`Yes, Tuesday works.\n\n${headers}\n\nIs Tuesday fine?`)).toBe('Yes, Tuesday works.');
    const line = '________________________________';
    expect(cleanText(`Yes, Tuesday works.\n\n${line}\n${headers}\n\nIs Tuesday fine?`)).toBe(
      'Yes, Tuesday works.',
    );
    const divider = '-----Original Message-----';
    expect(cleanText(`Yes, Tuesday works.\n\n${divider}\n${headers}\n\nIs Tuesday fine?`)).toBe(
      'Yes, Tuesday works.',
    );
    expect(cleanText(`FYI\n\nBegin forwarded message:\n\n${headers}\n\nIs Tuesday fine?`)).toBe('FYI');
  });

  test('answers between quotes, and below them, are kept', () => {
    expect(
      cleanText(
        'Hi Bob,\n\nOn Mon, Jan 15, 2024 at 10:00 AM Bob <bob@example.org> wrote:\n> Is Tuesday fine?\n\nYes.\n\n> And Friday?\nNo.\n> Bob\n\nCheers\nAda',
      ),
    ).toBe('Hi Bob,\n\nYes.\n\nNo.');
    expect(cleanText('-----Original Message-----\nFrom: Bob\nTo: Ada\n\n> Is Tuesday fine?\n\nYes.')).toBe(
      'Yes.',
    );
    const gmail =
      '<div class="gmail_quote"><div class="gmail_attr">On Mon, Bob wrote:<br></div><blockquote class="gmail_quote">Is Tuesday fine?</blockquote><div>Yes.</div><blockquote class="gmail_quote">And Friday?</blockquote><div>No.</div></div>';
    expect(clean(gmail)).toBe('Yes.\n\nNo.');
  });

  test('a mailbox file that escapes From is not a quote', () => {
    expect(cleanText('I think so.\n>From my side it is fine.\nAda')).toContain('>From my side');
  });
});

describe('what only looks like a quote stays', () => {
  it.each([
    'The plan, from 10:00 on 5/5:\n\n- one\n- two',
    'Please write to bob@example.org by 12/05:\n\nthe address and the date.',
    'From: Paris\nTo: Rome\nDate: 5 May 2024, 10:00',
    'As Bob wrote:\n\nwe should meet.',
    '---- Agenda ----\nOne\nTwo',
    'On Monday we met.\nBob was late.',
  ])('%j', (text) => {
    expect(cleanText(text)).toBe(text);
  });

  test("a blockquote of the writer's own", () => {
    expect(clean('<p>Churchill wrote:</p><blockquote>Never give in.</blockquote><p>So we did not.</p>')).toBe(
      'Churchill wrote:\n\n> Never give in.\n\nSo we did not.',
    );
  });
});

describe('forwards', () => {
  const forwarded =
    '<div class="gmail_quote"><div class="gmail_attr">---------- Weitergeleitete Nachricht ---------<br>Von: <b>Bob</b> &lt;bob@example.org&gt;<br>Date: Mo., 15. Jan. 2024 um 10:00 Uhr<br>Subject: Tuesday<br>To: Ada<br></div><br><br><div>Is Tuesday fine?</div><div>Bob</div></div>';
  const thunderbird =
    '<div class="moz-forward-container"><br>-------- Forwarded Message --------<table class="moz-email-headers-table"><tbody><tr><th align="RIGHT">Subject: </th><td>Tuesday</td></tr><tr><th>Date: </th><td>Mon, 15 Jan 2024</td></tr><tr><th>From: </th><td>Bob</td></tr></tbody></table><br>Is Tuesday fine?</div>';
  const apple =
    '<blockquote type="cite"><div>Begin forwarded message:</div><br><div><b>From: </b>Bob &lt;bob@example.org&gt;<br></div><div><b>Subject: </b><b>Tuesday</b><br></div><div><b>Date: </b>15 January 2024<br></div><br><div>Is Tuesday fine?</div></blockquote>';

  it('leave what was added', () => {
    for (const forward of [forwarded, thunderbird, apple]) {
      expect(clean(`<div dir="ltr">Can you take this?<br></div><br>${forward}`)).toBe('Can you take this?');
    }
  });

  it('to which nothing was added keep what they pass on, without its headers', () => {
    expect(clean(forwarded)).toBe('Is Tuesday fine?\nBob');
    expect(clean(thunderbird)).toBe('Is Tuesday fine?');
    expect(clean(apple)).toBe('Is Tuesday fine?');
    expect(clean(`<div class="gmail_signature">Ada<br>Analyst</div>${forwarded}`)).toBe(
      'Is Tuesday fine?\nBob',
    );
  });

  it('answer with the whole when there is nothing else', () => {
    expect(cleanText('From: Bob\nSubject: Hi\nTo: Ada')).toBe('From: Bob\nSubject: Hi\nTo: Ada');
    expect(clean('')).toBe('');
  });
});
