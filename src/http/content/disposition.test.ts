import fc from 'fast-check';
import { expect, it } from 'vitest';
import { contentDisposition, downloadHeaders } from './disposition.ts';

const decoded = (header: string) => decodeURIComponent(/filename\*=UTF-8''(.*)$/.exec(header)![1]!);

it.each([
  ['report.pdf', 'report.pdf'],
  ['../../etc/passwd', '_.._etc_passwd'],
  ['C:\\x', 'C__x'],
  ['a\0b\r\nSet-Cookie: x', 'abSet-Cookie_ x'],
  ['evil\u202egnp.exe', 'evilgnp.exe'],
  ['', 'attachment'],
  ['...', 'attachment'],
  ['größe.txt', 'größe.txt'],
  ["it's (1)*.txt", "it's (1)*.txt"],
  ['\ud800.txt', '\ufffd.txt'],
])('%j is offered as %j', (name, offered) => {
  expect(decoded(contentDisposition(name))).toBe(offered);
});

it('is a header and nothing else, whatever the name', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
      const header = contentDisposition(name);
      expect(header).toMatch(
        /^attachment; filename="[\x20\x21\x23-\x5b\x5d-\x7e]*"; filename\*=UTF-8''[\w.~%!-]*$/,
      );
      expect(decoded(header)).not.toMatch(/[/\\\0\r\n]/);
    }),
  );
});

it('offers a media type only if it is one', () => {
  const type = (contentType: string) => downloadHeaders({ filename: 'x', contentType })['content-type'];
  expect(type('Image/PNG; name="x"')).toBe('image/png');
  for (const bad of ['', 'png', 'a/b\r\nx: y', 'a b/c', 'ä/b', '/', `a/${'b'.repeat(200)}`]) {
    expect(type(bad)).toBe('application/octet-stream');
  }
});
