// How values are written on the page. Strings of a trace can be hostile: nothing of them is ever
// markup, and characters that would reorder or hide text are shown as escapes.

const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text of a trace, safe to read: controls and bidi marks escaped, length bounded. */
export function show(v: unknown, max = 64): string {
  const s = typeof v === 'string' ? v : v === undefined ? '' : String(JSON.stringify(v));
  const cut = s.length > max ? `${s.slice(0, max)}…(${s.length})` : s;
  return cut.replace(HIDDEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function address(a: { addr: string; port: number }): string {
  return a.addr.includes(':') ? `[${show(a.addr)}]:${a.port}` : `${show(a.addr)}:${a.port}`;
}

const NUMBER = new Intl.NumberFormat('en-US');

/** A connection by its number, a UDP pair by its own. */
export const nameOfConn = ({ id }: { id: number }): string => (id < 0 ? `U${-id}` : String(id));

/** 65495 -> 65,495 */
export function count(v: number): string {
  return NUMBER.format(v);
}

/** Seconds with microseconds in groups of three: `12.034 518`. The space does not break. */
export function clock(ns: number): string {
  const us = Math.floor(ns / 1000);
  const frac = String(us % 1_000_000).padStart(6, '0');
  return `${count(Math.floor(us / 1_000_000))}.${frac.slice(0, 3)}\u202f${frac.slice(3)}`;
}

/** A span in the unit that fits it: 480 ns, 80 µs, 1.25 ms, 2.31 s, 3 min 20 s. */
export function span(ns: number): string {
  const a = Math.abs(ns);
  if (a < 1000) return `${Math.round(ns)}\u00a0ns`;
  if (a < 999_500) return `${three(ns / 1e3)}\u00a0µs`;
  if (a < 999_500_000) return `${three(ns / 1e6)}\u00a0ms`;
  if (a < 119_950_000_000) return `${three(ns / 1e9)}\u00a0s`;
  const s = Math.round(ns / 1e9);
  return s < 7200 ? `${Math.floor(s / 60)}\u00a0min ${s % 60}\u00a0s`
    : `${Math.floor(s / 3600)}\u00a0h ${Math.floor((s % 3600) / 60)}\u00a0min`;
}

function three(v: number): string {
  const a = Math.abs(v);
  return a >= 99.95 ? v.toFixed(0) : a >= 9.995 ? v.toFixed(1) : v.toFixed(2);
}

export function bytes(v: number): string {
  if (v < 10_000) return `${count(v)}\u00a0B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let x = v / 1000;
  let i = 0;
  while (x >= 999.5 && i < units.length - 1) {
    x /= 1000;
    i++;
  }
  return `${three(x)}\u00a0${units[i]}`;
}

/** Quotes a file name for a shell command that a user will copy. */
export function quote(name: string): string {
  return /^[\w./@%+=:,-]+$/.test(name) && !name.startsWith('-') ? name : `'${name.replace(/'/g, `'\\''`)}'`;
}

/** A process as a trace tells of it. */
export function owner(o: { pid?: number; comm?: string }): string {
  return `${show(o.comm ?? '?', 48)}${o.pid === undefined ? '' : ` [${show(o.pid)}]`}`;
}

/** Time of day, UTC, of a time of the trace: `10:35:12.868 538`. `start`: the header's, RFC 3339 with nanoseconds. */
export function timeOfDay(start: string, ns: number): string | undefined {
  const m = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(start);
  if (!m) return undefined;
  const us = Math.floor((Number((m[2] ?? '').padEnd(9, '0')) + ns) / 1000);
  const at = new Date(Date.parse(`${m[1]}Z`) + Math.floor(us / 1e6) * 1000);
  if (Number.isNaN(at.getTime())) return undefined;
  const frac = String(us % 1_000_000).padStart(6, '0');
  return `${at.toISOString().slice(11, 19)}.${frac.slice(0, 3)}\u202f${frac.slice(3)}`;
}
