/** A line between a client and an IMAP server that notes when the server tells of mail. */
import net from 'node:net';

const EXISTS = /^\* \d+ EXISTS\r$/m;
/** Long enough for the line that is looked for, where a chunk ends within it. */
const TAIL = 40;

export interface ToldLine {
  port: number;
  /** When the last EXISTS passed (performance.now). */
  last(): number;
  close(): void;
}

export async function toldLine(serverPort: number): Promise<ToldLine> {
  let last = 0;
  const sockets = new Set<net.Socket>();
  const proxy = net.createServer({ noDelay: true }, (client) => {
    const server = net.connect({ port: serverPort, host: '127.0.0.1', noDelay: true });
    let tail = '';
    server.on('data', (chunk) => {
      const seen = tail + chunk.toString('latin1');
      if (EXISTS.test(seen)) {
        last = performance.now();
        tail = '';
      } else tail = seen.slice(-TAIL);
    });
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        server.destroy();
        sockets.delete(socket);
      });
    }
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    port: (proxy.address() as net.AddressInfo).port,
    last: () => last,
    close: () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}
