// The filter of the connection list: `state:TIME-WAIT port:443 comm:curl` and free text.
// All words must match; a word that starts with `-` must not.

import { ENDS, type End, type State } from './records';
import { stateAt, type Conn, type Point } from './model';

export interface Word { not: boolean; key: string; value: string }

const KEYS = new Set(['state', 'port', 'addr', 'comm', 'outcome']);

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

function matchesState(state: State, value: string): boolean {
  return stateKey(state).startsWith(stateKey(value));
}

/** Does a connection match, given where the cursor is (states are those at the cursor)? */
export function matches(conn: Conn, words: readonly Word[], at: Point): boolean {
  return words.every((w) => w.value === '' || matchOne(conn, w, at) !== w.not);
}

function matchOne(conn: Conn, { key, value }: Word, at: Point): boolean {
  const side = (e: End) => conn.rec[e];
  switch (key) {
    case 'state': return ENDS.some((e) => matchesState(stateAt(conn, e, at).state, value));
    case 'port': return ENDS.some((e) => String(side(e).port) === value);
    case 'addr': return ENDS.some((e) => side(e).addr.toLowerCase().includes(value));
    case 'comm': return [...conn.comms].some((c) => c.toLowerCase().includes(value));
    case 'outcome': return (conn.outcome?.verdict ?? 'open').includes(value);
    default: return haystack(conn).includes(value) ||
      ENDS.some((e) => matchesState(stateAt(conn, e, at).state, value));
  }
}

function haystack(conn: Conn): string {
  const { client, server } = conn.rec;
  return `#${conn.id} ${client.addr}:${client.port} ${server.addr}:${server.port} ` +
    `${conn.outcome?.verdict ?? ''} ${[...conn.comms].join(' ')}`.toLowerCase();
}
