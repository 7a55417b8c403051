/** A self-signed certificate for localhost and 127.0.0.1, made by openssl in a few milliseconds. */
import path from 'node:path';
import { run } from './process.ts';

export interface CertificateFiles {
  certificateFile: string;
  keyFile: string;
}

export async function selfSigned(dir: string): Promise<CertificateFiles> {
  const files = { certificateFile: path.join(dir, 'certificate.pem'), keyFile: path.join(dir, 'key.pem') };
  await run('openssl', [
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost'.split(
      ' ',
    ),
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', files.keyFile, '-out', files.certificateFile],
  ]);
  return files;
}
