/**
 * Asks one URL again and again over some connections, in a process of its own, so that asking takes no time from the one
 * that answers. As a script: `load.ts URL CONNECTIONS SECONDS HEADERS`, and the latencies come out as JSON, in ms.
 */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { percentile } from './result.ts';

export interface Load {
  perSecond: number;
  p50: number;
  p99: number;
}

/** Loads a URL in a process of its own. */
export async function load(
  url: string,
  headers: Record<string, string>,
  connections: number,
  seconds: number,
): Promise<Load> {
  const args = [import.meta.filename, url, String(connections), String(seconds), JSON.stringify(headers)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const latencies = JSON.parse(await text(child.stdout)) as number[];
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / seconds,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

async function ask(
  url: string,
  connections: number,
  seconds: number,
  headers: Record<string, string>,
): Promise<number[]> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1000;
  const worker = async () => {
    while (performance.now() < end) {
      const began = performance.now();
      const response = await fetch(url, { headers: { ...headers, 'accept-encoding': 'identity' } });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`${url} answered ${response.status}`);
      latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return latencies;
}

if (process.argv[1] === import.meta.filename) {
  const [, , url, connections, seconds, headers] = process.argv as string[];
  const asked = await ask(url!, Number(connections), Number(seconds), JSON.parse(headers!));
  // Connections are kept alive; the process ends when all has been written.
  process.stdout.write(JSON.stringify(asked), () => process.exit(0));
}
