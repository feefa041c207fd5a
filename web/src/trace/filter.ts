// The filter of the connection list: `state:TIME-WAIT port:443 comm:curl` and free text.
// All words must match; a word that starts with `-` must not.

import { FILTER_KEYS, type FilterKey } from './filter-keys';
import { VERDICTS } from './words';
import { ENDS, STATES, type Address, type State } from './records';
import { stateNow, type Conn, type Point, type Trace } from './model';
import { PROBLEMS } from './problems';

export interface Word { not: boolean; key: string; value: string }

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

/** A word made ready: what it asks of a connection, and whether the answer depends on where the cursor is. */
interface Test { not: boolean; holds: (conn: Conn, at: Point) => boolean; atCursor: boolean }
export interface Filter { tests: readonly Test[]; atCursor: boolean }

/** The work that is the same for every connection is done here, once. */
export function compile(words: readonly Word[]): Filter {
  const tests = words.filter((w) => w.value !== '').map(compileWord);
  return { tests, atCursor: tests.some((t) => t.atCursor) };
}

/** Does a connection match, given where the cursor is (states are those at the cursor)? */
export function matches(conn: Conn, filter: Filter, at: Point): boolean {
  for (const test of filter.tests) if (test.holds(conn, at) === test.not) return false;
  return true;
}

function compileWord({ not, key, value }: Word): Test {
  const test = (holds: Test['holds'], atCursor = false): Test => ({ not, holds, atCursor });
  const ends = (of: (a: Address) => boolean) => test((c) => of(c.rec.client) || of(c.rec.server));
  const states = statesLike(value);
  switch (key) {
    case 'state': return test(inState(states), true);
    case 'port': return ends((a) => String(a.port) === value);
    case 'addr': return ends((a) => a.addr.toLowerCase().includes(value));
    case 'comm': {
      const comm = anyComm(value);
      return test((c) => comm(c.comms));
    }
    case 'outcome': return test((c) => (c.verdict ?? 'still-open').includes(value));
    case 'listener': return test((c) => String(c.listener) === value);
    case 'ever': {
      const mask = maskOf(STATES, (s) => states.has(s));
      return test((c) => (c.ever & mask) !== 0);
    }
    case 'problem': {
      if (value === 'any') return test((c) => c.problems > 0);
      // A loss is of no connection: of all that were there, as in the ladder.
      if (value === 'gap') return test((c) => c.trace.gaps.some((g) => (g.to ?? g.t) >= c.rec.t && (g.from ?? g.t) <= c.until));
      const mask = maskOf(PROBLEMS, (p) => p.startsWith(value));
      return test((c) => (c.troubles & mask) !== 0);
    }
  }
  const text = hasText(value);
  // Most text is the start of no state's name: then no state has to be looked up.
  if (states.size === 0) return test(text);
  const now = inState(states);
  return test((c, at) => text(c, at) || now(c, at), true);
}

/** The set of those that the rule holds for, one bit each. */
function maskOf<T>(all: readonly T[], rule: (v: T) => boolean): number {
  return all.reduce((mask, v, i) => (rule(v) ? mask | (1 << i) : mask), 0);
}

function statesLike(value: string): Set<State> {
  const key = stateKey(value);
  return new Set(STATES.filter((s) => stateKey(s).startsWith(key)));
}

function inState(states: Set<State>): Test['holds'] {
  return (conn, at) => ENDS.some((e) => states.has(stateNow(conn, e, at)));
}

/** Remembers the answer: few names and verdicts serve all connections. */
function once<T>(rule: (v: T) => boolean): (v: T) => boolean {
  const known = new Map<T, boolean>();
  return (v) => {
    let holds = known.get(v);
    if (holds === undefined) known.set(v, (holds = rule(v)));
    return holds;
  };
}

const anyComm = (value: string) => once((comms: Conn['comms']) => [...comms].some((c) => c.toLowerCase().includes(value)));

/** Free text: in number, addresses, verdict and names. */
function hasText(value: string): Test['holds'] {
  const comm = anyComm(value);
  const verdict = once((v: string | undefined) => v !== undefined && v.includes(value));
  const number = /^#?\d*$/.test(value);
  // What no address has in it is not looked for in one.
  const address = /^[\da-f.:]*$/.test(value);
  const port = value.includes(':');
  const inAddress = ({ addr, port: p }: Address) => addr.toLowerCase().includes(value) ||
    (port || number) && `${addr}:${p}`.toLowerCase().includes(value);
  return (c) => number && `#${c.id}`.includes(value) || verdict(c.verdict) || comm(c.comms) ||
    address && (inAddress(c.rec.client) || inAddress(c.rec.server));
}

export interface Completion { text: string; key?: FilterKey }
const MOST = 13;
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

/** Nobody looks for what is not known first. */
const knownFirst = (words: readonly string[]) => {
  const isUnknown = (word: string) => word.toLowerCase() === 'unknown';
  return [...words.filter((w) => !isUnknown(w)), ...words.filter(isUnknown)];
};

function valuesOf(key: FilterKey, trace: Trace | undefined): readonly string[] {
  switch (key) {
    case 'state': case 'ever': return knownFirst(STATES);
    case 'outcome': return knownFirst(VERDICTS);
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
