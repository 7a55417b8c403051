import { writeSync } from 'node:fs';

/**
 * Named points between the steps that a crash may separate: before and after each commit and network call on the way
 * of mail. `MAILQUAY_FAULT=name:action:nth` makes the nth passing of a point end in `kill` (SIGKILL), `stop`
 * (SIGSTOP: the whole process stalls, until SIGCONT), `throw`, `hang` or `delay`; a name may end in `*`. Without it, and in production always, a point does nothing.
 */
type Action = 'kill' | 'stop' | 'throw' | 'hang' | 'delay';

interface Fault {
  name: string;
  action: Action;
  nth: number;
}

const DELAY_MS = 2_000;

const fault = process.env.NODE_ENV === 'production' ? null : readFault(process.env.MAILQUAY_FAULT);
let passed = 0;

/** Reads `name:action:nth`; null when there is none or it makes no sense. */
export function readFault(text: string | undefined): Fault | null {
  const match = /^([\w.*]+):(kill|stop|throw|hang|delay)(?::(\d{1,9}))?$/.exec(text ?? '');
  if (!match) return null;
  return { name: match[1] as string, action: match[2] as Action, nth: Number(match[3] ?? 1) };
}

/** Passes a point. */
export function faultPoint(name: string): Promise<void> | undefined {
  return fault && fits(fault.name, name) && ++passed === fault.nth ? happen(fault.action, name) : undefined;
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function happen(action: Action, name: string): Promise<void> {
  writeSync(2, `fault point ${name}: ${action}\n`);
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {});
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return Promise.resolve();
    case 'throw':
      return Promise.reject(new Error(`fault point ${name}`));
    case 'hang':
      return new Promise(() => {});
    case 'delay':
      return new Promise((resolve) => setTimeout(resolve, DELAY_MS));
  }
}
