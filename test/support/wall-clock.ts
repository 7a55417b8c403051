/**
 * Loaded ahead of everything else in a process (`--import`): its wall clock is off by WALL_CLOCK_HOURS, and by as many
 * more at each SIGUSR2 as WALL_CLOCK_JUMP_HOURS says. The monotonic clock and the machine's own stay as they are.
 */
import { isMainThread } from 'node:worker_threads';

const HOUR_MS = 3_600_000;
let shift = Number(process.env.WALL_CLOCK_HOURS ?? 0) * HOUR_MS;
const jump = Number(process.env.WALL_CLOCK_JUMP_HOURS ?? 0) * HOUR_MS;
const real = Date;
const now = () => real.now() + shift;

globalThis.Date = new Proxy(real, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
  apply: () => new real(now()).toString(),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});

if (isMainThread)
  process.on('SIGUSR2', () => {
    shift += jump;
  });
