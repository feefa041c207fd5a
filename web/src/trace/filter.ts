// The filter of the connection list: `state:TIME-WAIT port:443 comm:curl` and free text.
// All words must match; a word that starts with `-` must not.

import { VERDICTS } from '../i18n/types';
import { ENDS, STATES, type State } from './records';
import { stateAt, type Conn, type Point, type Trace } from './model';
import { PROBLEMS } from './problems';

export interface Word { not: boolean; key: string; value: string }

export const FILTER_KEYS = ['state', 'ever', 'port', 'addr', 'comm', 'outcome', 'problem', 'listener'] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];
const KEYS = new Set<string>(FILTER_KEYS);

export function parseFilter(text: string): Word[] {
  return text.split(/\s+/).filter((w) => w !== '' && w !== '-').map((raw) => {
    const not = raw.startsWith('-');
    const word = (not ? raw.slice(1) : raw).toLowerCase();
    const colon = word.indexOf(':');
    const key = colon > 0 ? word.slice(0, colon) : '';
    if (KEYS.has(key)) return { not, key, value: word.slice(colon + 1) };
    return { not, key: '', value: word };
  });
}

/** Short forms people type: ESTAB, SYN-RCVD, FINWAIT1, syn_recv. */
function stateKey(s: string): string {
  return s.toLowerCase().replace(/[-_ ]/g, '').replace('received', 'recv').replace('rcvd', 'recv');
}
const STATE_KEYS = STATES.map(stateKey);
const matchesState = (state: State, value: string) => STATE_KEYS[STATES.indexOf(state)]!.startsWith(stateKey(value));

/** Does a connection match, given where the cursor is (states are those at the cursor)? */
export function matches(conn: Conn, words: readonly Word[], at: Point): boolean {
  return words.every((w) => w.value === '' || matchOne(conn, w, at) !== w.not);
}

function matchOne(conn: Conn, { key, value }: Word, at: Point): boolean {
  switch (key) {
    case 'state': return ENDS.some((e) => matchesState(stateAt(conn, e, at).state, value));
    case 'ever': return STATES.some((s, i) => conn.ever & (1 << i) && matchesState(s, value));
    case 'port': return ENDS.some((e) => String(conn.rec[e].port) === value);
    case 'addr': return ENDS.some((e) => conn.rec[e].addr.toLowerCase().includes(value));
    case 'comm': return [...conn.comms].some((c) => c.toLowerCase().includes(value));
    case 'outcome': return (conn.outcome?.verdict ?? 'still-open').includes(value);
    case 'problem': return value === 'any' ? conn.problems > 0
      : PROBLEMS.some((p, i) => conn.troubles & (1 << i) && p.startsWith(value));
    case 'listener': return String(conn.listener) === value;
    default: return haystack(conn).includes(value) ||
      ENDS.some((e) => matchesState(stateAt(conn, e, at).state, value));
  }
}

function haystack(conn: Conn): string {
  const { client, server } = conn.rec;
  return `#${conn.id} ${client.addr}:${client.port} ${server.addr}:${server.port} ` +
    `${conn.outcome?.verdict ?? ''} ${[...conn.comms].join(' ')}`.toLowerCase();
}

export interface Completion { text: string; key?: FilterKey }
const MOST = 10;
/** Connections looked at for ports, addresses and names: enough to find those that matter. */
const LOOKED_AT = 2000;

/** How the last word of the text could go on. */
export function complete(text: string, trace: Trace | undefined): Completion[] {
  const word = /\S*$/.exec(text)![0];
  const [, not, key, value] = /^(-?)(?:([a-z]+):)?(.*)$/i.exec(word)!;
  if (key === undefined) {
    return FILTER_KEYS.filter((k) => k.startsWith(value!.toLowerCase())).map((k) => ({ text: `${not}${k}:`, key: k }));
  }
  if (!KEYS.has(key.toLowerCase())) return [];
  const begins = value!.toLowerCase();
  return valuesOf(key.toLowerCase() as FilterKey, trace)
    .filter((v) => v.toLowerCase().startsWith(begins) && v.toLowerCase() !== begins && !/\s/.test(v))
    .slice(0, MOST).map((v) => ({ text: `${not}${key}:${v}` }));
}

function valuesOf(key: FilterKey, trace: Trace | undefined): readonly string[] {
  switch (key) {
    case 'state': case 'ever': return STATES;
    case 'outcome': return VERDICTS;
    case 'problem': return ['any', ...PROBLEMS];
    case 'listener': return (trace?.listeners ?? []).map((l) => String(l.id));
  }
  const times = new Map<string, number>();
  for (const c of (trace?.conns ?? []).slice(0, LOOKED_AT)) {
    const own = key === 'comm' ? c.comms : ENDS.map((e) => String(c.rec[e][key]));
    for (const v of own) times.set(v, (times.get(v) ?? 0) + 1);
  }
  // What many connections share comes first.
  return [...times].sort((a, b) => b[1] - a[1]).map(([v]) => v);
}
