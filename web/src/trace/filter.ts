// The filter of the connections: `state:TIME-WAIT port:443 rtt>10ms or cause:"listener closed"`, and free text. All words must
// match, unless `or` stands between them; what follows `not`, or begins with `-`, must not. Quotes hold a value with blanks together.

import { FIGURES, FILTER_KEYS, type FilterKey, type HintKind } from './filter-keys';
import { CAUSES, VERDICTS } from './words';
import { ENDS, STATES, type Address, type State } from './records';
import { LAST, pidsOf, stateNow, type Conn, type Point, type Trace } from './model';
import { nameOfConn } from '../text';
import { factsOf, PROBLEMS } from './problems';

type Comparison = ':' | '=' | '<' | '>' | '<=' | '>=';
export interface Word { not: boolean; key: string; op: Comparison; value: string }

const KEYS = new Set<string>(FILTER_KEYS);
const WORD = /^([a-z][a-z_-]*)(:?(?:[<>]=?|=)|:)(.*)$/;
const HEX = /^[\da-f]+$/;

/** `lonely`: an `or` or `not` that has nothing to stand before. */
export interface Parsed { groups: readonly (readonly Word[])[]; lonely: readonly string[] }

/** One word as it is typed. A quote that is not closed yet reaches to the end. */
const TOKEN = /(?:[^\s"]|"[^"]*(?:"|$))+/g;

/** Words that must all match, and other such words, one group of which must. */
export function parseFilter(text: string): Parsed {
  const groups: Word[][] = [[]];
  const lonely: string[] = [];
  let not = false;
  for (const raw of text.toLowerCase().match(TOKEN) ?? []) {
    if (raw === '-' || raw === 'and') continue;
    const or = raw === 'or' || raw === '||';
    if (or && (not || groups[groups.length - 1]!.length === 0)) lonely.push(not ? 'not' : raw);
    if (or) groups.push([]);
    else if (raw === 'not' || raw === '!') {
      not = !not;
      continue;
    } else {
      const minus = /^[-!]/.test(raw);
      groups[groups.length - 1]!.push({ not: minus !== not, ...wordOf((minus ? raw.slice(1) : raw).replaceAll('"', '')) });
    }
    not = false;
  }
  return { groups: groups.filter((g, i) => g.length > 0 || (i === 0 && groups.length === 1)), lonely };
}

function wordOf(word: string): Omit<Word, 'not'> {
  const m = WORD.exec(word);
  // `fe80:1` is of an address, and no key.
  if (!m || (!KEYS.has(m[1]!) && (HEX.test(m[1]!) || m[2] !== ':'))) return { key: '', op: ':', value: word };
  const op = m[2]!.length > 1 && m[2]!.startsWith(':') ? m[2]!.slice(1) : m[2]!;
  return { key: m[1]!, op: op as Comparison, value: m[3]! };
}

const UNITS: Record<string, number> = { ns: 1, us: 1e3, 'µs': 1e3, ms: 1e6, s: 1e9, min: 60e9, k: 1e3, kb: 1e3, m: 1e6, mb: 1e6, g: 1e9, gb: 1e9, b: 1 };

/** `10ms`, `1.5k`, `443`: in ns where it is a time. */
function figureOf(value: string, kind: 'time' | 'number'): number | undefined {
  const m = /^(\d+(?:\.\d+)?)([a-zµ]*)$/.exec(value);
  if (!m) return undefined;
  const unit = m[2] === '' ? (kind === 'time' ? 1e9 : 1) : UNITS[m[2]!];
  return unit === undefined ? undefined : Number(m[1]) * unit;
}

function compared(op: Comparison, want: number): (v: number) => boolean {
  switch (op) {
    case '<': return (v) => v < want;
    case '>': return (v) => v > want;
    case '<=': return (v) => v <= want;
    case '>=': return (v) => v >= want;
    default: return (v) => v === want;
  }
}

/** Short forms people type: ESTAB, SYN-RCVD, FINWAIT1, syn_recv. */
function stateKey(s: string): string {
  return s.toLowerCase().replace(/[-_ ]/g, '').replace('received', 'recv').replace('rcvd', 'recv');
}

/** A word made ready: what it asks of a connection, and whether the answer depends on where the cursor is. */
interface Test { not: boolean; holds: (conn: Conn, at: Point) => boolean; atCursor: boolean }
export interface Filter {
  groups: readonly (readonly Test[])[]; atCursor: boolean;
  /** What is not understood, or can match nothing. */
  hints: readonly Hint[];
}
/** `key`: whose values would do. */
export interface Hint { kind: HintKind; word: string; key?: FilterKey }
/** What the page calls a verdict, a cause or a problem: who reads Chinese looks for that. */
export type Names = (id: string) => string;
const same: Names = (id) => id;

/** The work that is the same for every connection is done here, once. */
export function compile({ groups, lonely }: Parsed, names: Names = same): Filter {
  const hints: Hint[] = lonely.map((word) => ({ kind: 'operator', word }));
  const tests = groups.map((g) => g.filter((w) => w.value !== '').map((w) => {
    const hint = hintOf(w, names);
    if (hint) hints.push(hint);
    // What is no key, or no figure, asks for nothing.
    return hint && hint.kind !== 'value' && hint.kind !== 'parenthesis' ? undefined : compileWord(w, names);
  }).filter((t) => t !== undefined));
  return { groups: tests, hints, atCursor: tests.some((g) => g.some((t) => t.atCursor)) };
}

function hintOf({ key, op, value }: Word, names: Names): Hint | undefined {
  const word = key === '' ? value : `${key}${op}${value}`;
  const known = key as FilterKey;
  if (key !== 'comm' && /^\(|\)$/.test(word)) return { kind: 'parenthesis', word };
  if (key === '') return undefined;
  if (!KEYS.has(key)) return { kind: 'key', word: `${key}:` };
  const figure = FIGURES[known];
  if (figure) return figureOf(value, figure) === undefined ? { kind: figure, word } : undefined;
  const words = WORDS[known];
  const isOne = !words || (known === 'state' || known === 'final' || known === 'ever' ? statesLike(value).size > 0
    : (known !== 'outcome' && value === 'any') || words.some((w) => isCalled(w, value, names)));
  return isOne ? undefined : { kind: 'value', word, key: known };
}

/** Keys whose values are words of a list. */
const WORDS: Partial<Record<FilterKey, readonly string[]>> = {
  state: STATES, final: STATES, ever: STATES, outcome: VERDICTS, cause: [...CAUSES, 'held'], problem: PROBLEMS,
};
const isCalled = (id: string, value: string, names: Names) => id.includes(value) || names(id).toLowerCase().includes(value);

/** Does a connection match, given where the cursor is (states are those at the cursor)? */
export function matches(conn: Conn, filter: Filter, at: Point): boolean {
  return filter.groups.some((g) => g.every((test) => test.holds(conn, at) !== test.not));
}

function compileWord({ not, key, op, value }: Word, names: Names): Test {
  const test = (holds: Test['holds'], atCursor = false): Test => ({ not, holds, atCursor });
  const figure = FIGURES[key as FilterKey];
  const is = figure ? compared(op, figureOf(value, figure)!) : () => false;
  const states = statesLike(value);
  switch (key) {
    case 'state': return test(inState(states), true);
    case 'final': return test((c) => inState(states)(c, LAST));
    case 'port': return test((c) => is(c.rec.client.port) || is(c.rec.server.port));
    case 'addr': return test((c) => ENDS.some((e) => c.rec[e].addr.toLowerCase().includes(value)));
    case 'pid': return test((c) => pidsOf(c).some(is));
    case 'rtt': return test((c) => c.rtt !== undefined && is(c.rtt));
    case 'retrans': return test((c) => is(c.again));
    case 'bytes': return test((c) => is(c.bytes));
    case 'duration': return test((c) => is(c.until - c.rec.t));
    case 'listener': return test((c) => c.listener !== undefined && is(c.listener));
    case 'comm': {
      const comm = anyComm(value);
      return test((c) => comm(c.comms));
    }
    case 'outcome': {
      const named = once((v: string) => isCalled(v, value, names));
      return test((c) => named(c.verdict ?? (c.over ? '' : 'still-open')));
    }
    case 'cause': {
      const named = once((v: string) => isCalled(v, value, names));
      // Where no cause is known the page says in its place that an end was left in CLOSE-WAIT.
      const held = named('held');
      return test((c) => (c.cause !== undefined ? value === 'any' || named(c.cause) : held && factsOf(c.troubles).includes('held')));
    }
    case 'ever': {
      const mask = maskOf(STATES, (s) => states.has(s));
      return test((c) => (c.ever & mask) !== 0);
    }
    case 'problem': {
      if (value === 'any') return test((c) => c.problems > 0);
      // A loss is of no connection: of all that were there, as in the ladder.
      if (value === 'gap') return test((c) => c.trace.gaps.some((g) => (g.to ?? g.t) >= c.rec.t && (g.from ?? g.t) <= c.until));
      const mask = maskOf(PROBLEMS, (p) => isCalled(p, value, names));
      return test((c) => (c.troubles & mask) !== 0);
    }
  }
  const text = hasText(value, names);
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
function hasText(value: string, names: Names): Test['holds'] {
  const comm = anyComm(value);
  const verdict = once((v: string | undefined) => v !== undefined && isCalled(v, value, names));
  const number = /^#?\d*$/.test(value);
  // What no address has in it is not looked for in one.
  const address = /^[\da-f.:]*$/.test(value);
  const port = value.includes(':');
  const inAddress = ({ addr, port: p }: Address) => addr.toLowerCase().includes(value) ||
    (port || number) && `${addr}:${p}`.toLowerCase().includes(value);
  return (c) => number && `#${nameOfConn(c)}`.includes(value) || verdict(c.verdict) || verdict(c.cause) || comm(c.comms) ||
    address && (inAddress(c.rec.client) || inAddress(c.rec.server));
}

/** says: what the page calls it. */
export interface Completion { text: string; key?: FilterKey; says?: string }
const MOST = 13;
/** Connections looked at for ports, addresses and names: enough to find those that matter. */
const LOOKED_AT = 2000;

/** The word at the end of the text that is still being typed; empty after a blank. */
export function lastWord(text: string): string {
  const last = text.match(TOKEN)?.pop() ?? '';
  return text.endsWith(last) ? last : '';
}

/** How the last word of the text could go on. */
export function complete(text: string, trace: Trace | undefined, names: Names = same): Completion[] {
  const [, not, key, typed] = /^(-?)(?:([a-z]+):)?([^]*)$/i.exec(lastWord(text))!;
  const value = typed!.replaceAll('"', '').toLowerCase();
  if (key === undefined) return FILTER_KEYS.filter((k) => k.startsWith(value)).map((k) => ({ text: `${not}${k}:`, key: k }));
  const known = key.toLowerCase() as FilterKey;
  if (!KEYS.has(known)) return [];
  const named = WORDS[known] && known !== 'state' && known !== 'final' && known !== 'ever';
  return valuesOf(known, trace)
    .filter((v) => v.toLowerCase() !== value && !v.includes('"') && (v.toLowerCase().startsWith(value) || (named && names(v).toLowerCase().includes(value))))
    .slice(0, MOST).map((v) => ({ text: `${not}${key}:${/\s/.test(v) ? `"${v}"` : v}`, ...(named && names(v) !== v && { says: names(v) }) }));
}

/** Nobody looks for what is not known first. */
const knownFirst = (words: readonly string[]) => {
  const isUnknown = (word: string) => word.toLowerCase() === 'unknown';
  return [...words.filter((w) => !isUnknown(w)), ...words.filter(isUnknown)];
};

/** Values that a key can have: of words all, else those that this trace has. */
export function valuesOf(key: FilterKey, trace: Trace | undefined): readonly string[] {
  switch (key) {
    case 'state': case 'final': case 'ever': return knownFirst(STATES);
    case 'outcome': return knownFirst(VERDICTS);
    case 'cause': return ['any', ...CAUSES.filter((c) => trace?.conns.slice(0, LOOKED_AT).some((o) => o.cause === c))];
    case 'rtt': case 'retrans': case 'bytes': case 'duration': case 'pid': return [];
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
