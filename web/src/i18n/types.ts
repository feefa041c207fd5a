// What a language must say. A dictionary that lacks a key, or has one too many, does not compile.

import type { Options } from '../engine/module';
import type { CallKind, SegmentKind } from '../trace/describe';
import type { Alignment, Sort, Times } from '../trace/orders';
import type { Problem } from '../trace/problems';
import type { FILTER_EXAMPLES, FilterKey, HintKind } from '../trace/filter-keys';
import type { SentenceKey } from '../trace/sentence';
import type { Move } from '../trace/transitions';
import type {
  Beyond, Cause, CheckResult, ClockFit, Difference, Direction, End, EndReason, FindingKind, How, IcmpError, Kind, Note, QueueWhy, Severity, Source, Standing, State, TimerName, TimerWhy, Verdict,
} from '../trace/words';

type Checksums = Options['checksums'];
type Segments = Options['segments'];

/** The two ends as a sentence names them: `a` is the one spoken of, `b` the other. */
export interface Who { a: string; A: string; b: string; B: string }

/** What happened, and why. `{a}`, `{A}`, `{b}`, `{B}` stand for the ends, see Who. */
export type Told = readonly [what: string, why: string];

/** What a finding is called, and what it says; without `text` and `remedy`: as the trace says it. A hole `{name}` is a figure of
 * its evidence (`_ns`: a time), or `count`, `where` (whom it is about), `cause`; a sentence with a hole that nothing fills is
 * left out, and one with `{!name}` where something would fill it. `{?name}` is the value of that sysctl in brackets, where it is known. */
export interface Found {
  name: string; text?: readonly string[]; remedy?: readonly string[];
  /** Instead of `remedy` where this is the cause. */
  by?: Partial<Record<Cause, readonly string[]>>;
}

export const ERRNOS = [
  'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'EAGAIN', 'EINPROGRESS', 'EADDRINUSE',
  'EADDRNOTAVAIL', 'EHOSTUNREACH', 'ENETUNREACH', 'EINTR', 'EMFILE', 'ENFILE', 'ENOTCONN',
] as const;
export type Errno = (typeof ERRNOS)[number];

/** The kernel's enum sk_rst_reason (include/net/rstreason.h of Linux 6.18), without its prefix. */
export const REASONS = [
  'NOT_SPECIFIED', 'NO_SOCKET', 'TCP_INVALID_ACK_SEQUENCE', 'TCP_RFC7323_PAWS', 'TCP_TOO_OLD_ACK', 'TCP_ACK_UNSENT_DATA',
  'TCP_FLAGS', 'TCP_OLD_ACK', 'TCP_ABORT_ON_DATA', 'TCP_TIMEWAIT_SOCKET', 'INVALID_SYN', 'TCP_ABORT_ON_CLOSE', 'TCP_ABORT_ON_LINGER',
  'TCP_ABORT_ON_MEMORY', 'TCP_STATE', 'TCP_KEEPALIVE_TIMEOUT', 'TCP_DISCONNECT_WITH_DATA', 'MPTCP_RST_EUNSPEC', 'MPTCP_RST_EMPTCP',
  'MPTCP_RST_ERESOURCE', 'MPTCP_RST_EPROHIBIT', 'MPTCP_RST_EWQ2BIG', 'MPTCP_RST_EBADPERF', 'MPTCP_RST_EMIDDLEBOX', 'ERROR',
] as const;
export type Reason = (typeof REASONS)[number];

export interface Dictionary {
  /** Tag for `lang` (BCP 47), and what stands on the button that chooses the language. */
  tag: string;
  button: string;
  /** Between a name and what is said of it. */
  colon: string;
  /** Between two sentences, and between two words. */
  gap: () => string;
  ui: {
    open: string; sample: string; close: string; cancel: string; copy: string; copied: string;
    drop: string; emptyTitle: string; emptyLead: string; orDrop: string; recordYours: string;
    recordHint: string; nothingLeaves: string;
    trySample: string; language: string; theme: Record<'auto' | 'light' | 'dark', string>; help: string;
    connections: string; ladder: string; machine: string; figure: string; why: string; queues: string; queuesTab: string; legend: string;
    filter: string; filterHint: string; clearFilter: string; filterNone: string;
    shown: (n: string, all: string) => string;
    stats: (events: string, conns: string, one: boolean) => string;
    first: string; prev: string; play: string; pause: string; next: string; last: string;
    prevState: string; nextState: string; speed: string; perSecond: (n: number) => string;
    position: (i: string, of: string) => string; time: string; state: string; 
    live: string; followOn: string; followOff: string; sampleName: string; liveName: string;
    loading: string; noConnections: string; noListener: string; noSelection: string; noEvent: string;
    idle: (s: string) => string; notYet: string; inferredLane: string; 
    left: (s: string) => string; expired: string; synQueue: string; acceptQueue: string;
    drops: (n: string) => string; dropsInAll: (n: string) => string; full: string; listenerOf: (owner: string) => string;
    closedListener: string; cause: string; causeOf: (text: string) => string;
    noEdge: string; wireSays: string; jump: (n: number) => string;
    tableHint: string; queueHint: string; lostHere: (n: string) => string; interfaceGone: (name: string) => string; recordsGone: (n: string) => string; connName: (n: number) => string;
    firstSeen: string; before: string; assumedRoles: string; retransmitted: (n: string) => string;
    sent: string; segments: (n: string) => string; duration: string; timeIn: string; 
    shortcuts: string; singleKeys: string; narrow: string;
    stateStays: (s: string) => string; timerSet: (s: string) => string; timerFired: string;
    save: string; saveHint: string; sortBy: string; sorts: Record<Sort, string>; reverse: string;
    filterKeys: Record<FilterKey, string>; goTo: string; goToHint: string; badTime: string; prevProblem: string; nextProblem: string;
    overview: string; overviewHint: string; timeScale: string; timeScaleHint: string; zoomIn: string; zoomOut: string; fit: string;
    timers: string; openSoFar: (client: State, server: State) => string; overSoFar: (client: State, server: State) => string; over: string; rst: Record<Direction, string>; otherTrace: (file: string) => string; leadsInto: (file: string) => string; openIt: (file: string) => string; kernelSays: string; packetsSay: string; mark: string; note: string; marks: (n: number) => string;
    timerCancelled: string; panelFailed: string; tryAgain: string;
  };
  /** The opening page: what is wrong, and the table of connections. */
  answers: {
    answers: string; sequence: string; none: (conns: string, one: boolean, bad: string) => string; standsOut: string; standing: Record<Standing, string>; stands: (n: string, end: string, what: string, many: boolean, ns: string) => string;
    /** Of one connection: {A} is the end that waited, `ns` how long. Of the others the sentence of the outcome tells. */
    stood: Record<Exclude<Standing, 'in-vain' | 'zero-window'>, (ns: string) => string>; best: string; who: string; others: string; columns: Record<Sort | 'n', string>; finalStates: string;
    /** Why a word of the filter asks for nothing or matches nothing; `known`: values there are. */
    filterHints: Record<HintKind, (word: string, known: string) => string>; filterWords: Record<(typeof FILTER_EXAMPLES)[number], string>;
    atEnd: (n: string) => string; useFinal: string; held: string; problems: Record<Problem, string>;
  };
  view: {
    followNewest: string; times: string; timesOf: Record<Times, string>; maximise: string; restore: string; fullScreen: string;
    collapse: string; expand: string; file: string; moreTraces: (n: string) => string; dropMarks: string;
    find: string; findHint: string; notFound: string; fold: string; foldHint: string; folded: (n: string) => string; unfold: string; watched: (n: string) => string; held: string; cpu: (own: string, kernel: string) => string; udp: (n: string, one: boolean) => string;
    copyLink: string; copyRefused: string; print: string; svg: string; png: string; more: string; lives: string; livesScale: (folded: boolean) => string; width: string; height: string;
  };
  /** A second trace beside the first. */
  beside: {
    open: string; hint: string; with: (name: string) => string; conn: string; align: string; by: Record<Alignment, string>; apart: (ns: string) => string;
  };
  teach: {
    title: string; hide: string; askShort: string; hideHint: string; hidden: string; ask: string; which: (end: string, state: string) => string;
    right: string; wrong: (state: string) => string; score: (right: number, of: number) => string; reveal: string;
    slides: string; slidesHint: string; howTo: readonly string[]; slide: (i: number, of: number) => string; tour: string; tourSteps: readonly string[]; glossary: string;
    terms: readonly (readonly [string, string])[]; notes: string; figureNotes: readonly string[]; trail: (n: number) => string; previous: string; next: string;
  };
  graph: {
    title: string; modes: Record<'stevens' | 'tcptrace' | 'window' | 'rtt', string>; from: string; hint: string; none: string;
    range: (ns: string) => string; totals: (segments: string, bytes: string, again: string, rate: string) => string; clear: string;
  };
  /** A capture that the page reads by itself. */
  capture: {
    options: string; ports: string; portsHint: string; badPort: string; hosts: string; hostsHint: string;
    checksums: string; checksumsOf: Record<Checksums, string>; checksumsHint: string;
    segments: string; segmentsOf: Record<Segments, string>; segmentsHint: string;
    udp: string; udpHint: string;
    again: string; save: string; saving: string; saveHint: string; offloaded: (n: string, one: boolean) => string;
    drop: string; orDrop: string;
  };
  /** Ends, as a label and inside of a sentence. */
  label: Record<End, string>;
  end: Record<End, { mid: string; start: string }>;
  keys: [string, string][];
  problems: {
    empty: string; notTrace: (head: string) => string; version: (found: string) => string;
    capture: string; captureRun: string; unreadable: (m: string) => string; readTo: (m: string) => string;
    /** What the program, its engine or its parser says, in this language; what there are no words for stays as it is. */
    said: (m: string) => string;
    malformed: (count: number, line: number, why: string) => string; truncated: string; stopped: string;
    gap: (n: string, times: number) => string; tooLarge: (n: string) => string; longConn: (n: string) => string; missing: (source: string, why: string) => string;
    liveConnecting: string; liveLost: string; liveRefused: string; liveEnded: string; liveDropped: (n: string) => string;
    cannotOpen: (name: string) => string; saveFailed: (why: string) => string;
  };
  /** Short, for the list; and the sentence at the top of a connection. */
  verdict: Record<Verdict, string>;
  /** What an outcome says, as trace/sentence.ts puts it together; without, it is the trace's own English sentence. */
  sentences?: Record<SentenceKey, string>;
  /** One that has no words here is called by its kind, and says what the trace says. */
  findings: Partial<Record<FindingKind, Found>>;
  found: {
    title: string; counts: Record<Severity, (n: number) => string>; times: (n: string) => string; helps: string; more: (n: string) => string;
  };
  /** In a few words. */
  causes: Record<Cause, string>;
  /** What the trace recorded besides, each only where it did. */
  evidence: { acked: string; dropped: (n: string) => string; reason: (who: string, text: string) => string };
  /** Words of the format, as labels. */
  terms: Record<Note | TimerName | TimerWhy | QueueWhy, string>;
  states: Record<State, string>;
  groups: Record<'idle' | 'opening' | 'open' | 'active' | 'passive' | 'wait', string>;
  how: Record<How, string>;
  source: Record<Source, string>;
  /** A kind that has no name here is called by what its records say (SAYS). */
  kinds: Partial<Record<Kind, string>>;
  why: {
    governed: string;
    moves: Record<Move, Told>;
    otherMove: Told; resetMove: Told; closesToo: Told; finAcksFin: Told; gaveUp: Told; openedBoth: Told; firstSeen: Told; sampledMove: Told; corrected: Told; refusedMove: Told; refusingMove: Told;
    assumed: string; socketError: string; process: string;
    rfcEdge: string;
    segments: Record<SegmentKind, Told>;
    notes: Record<Note, string>; synAgain: string;
    seqFacts: (first: string, last: string) => string; ackFacts: (n: string) => string; unscaled: (n: string) => string;
    calls: Record<CallKind, Told>; callOther: Told; callFailed: Told; callAgain: Told; callUnderWay: Told; callInterrupted: Told; callBlocked: Told;
    processes: Record<'fork' | 'thread' | 'exec' | 'exit', Told>; processOther: Told; counter: Told; datagram: Told; datagramRefused: Told; udpErrors: Record<IcmpError, string>; checksums: Record<'ok' | 'bad' | 'none', string>;
    errno: Record<Errno, string>;
    timers: Record<TimerName, Told>; timerOther: Told; unsentTimer: Told; synTimer: Told; fired: string; cancelled: string;
    queues: Record<QueueWhy, Told>; queueOther: Told; overflow: Record<'SYN' | 'ACK', Told>;
    objects: { sock: Told; timewait: Told; waits: Told; other: Told };
    icmp: Told; resetRefusal: Told; reset: Record<Direction, Told>; reasons: Record<Reason, string>;
    disagreement: Told; unexplained: string; differences: Record<Difference, string>;
    timerWhys: Record<TimerWhy, string>; sampled: string; predicted: string;
    header: Told; end: Told; ends: Record<EndReason, string>; listenerClosed: Told;
    arrival: Told; lab: Told; labStep: Told; answer: Told; check: Told; checkResults: Record<CheckResult, string>; clockFits: Record<ClockFit, string>;
    mergedClock: (offset: string, band: string) => string;
    gap: Told; gapInterface: Told; gapRecords: Told; severities: Record<Severity, string>; beyond: Record<Beyond, string>; connection: Told; connectionBefore: Told; outcome: Told; listener: Told;
    fields: Record<
      'seq' | 'ack' | 'len' | 'window' | 'options' | 'notes' | 'owner' | 'kernel' | 'result' | 'took' | 'arguments' | 'events' | 'ready' | 'sofar' | 'expires' | 'reason' | 'lost' | 'hook' | 'interface' | 'records' | 'source' | 'how' |
      'history' | 'drops' | 'dropsInAll' | 'queues' | 'count' | 'record' | 'at' | 'netns' | 'socket' | 'limit' | 'tool' | 'start' | 'rtt' | 'tunnel' | 'frame' | 'header' | 'value' | 'change' | 'status' | 'cpu' | 'switches' | 'memory' | 'parent' | 'checksum' | 'host' | 'clockError' | 'by' | 'mtu' | 'skipped' |
      'lab' | 'actor' | 'step' | 'question' | 'choice' | 'expected' | 'seen', string>;
  };
  /** The guide of a lab. */
  lab: {
    tab: string; question: (i: number, of: number) => string; right: string; wrong: string; instead: string; shownBy: string;
    shows: (question: string) => string; sealed: string;
    /** What a check expected (kinds/expect-text.ts): `joined` has what stands between the records. */
    expected: {
      or: string; all: (list: readonly string[]) => string; atLeast: (v: string) => string; atMost: (v: string) => string; like: (kind: string, fields: string) => string; joined: (text: string) => string;
      fields: Record<'conn' | 'end' | 'from' | 'to' | 'op' | 'flags' | 'ret' | 'errno' | 'text' | 'accept' | 'syn' | 'verdict' | 'duration_ns', string>;
    };
    points: (n: number, of: number) => string; running: string; checks: string;
  };
}
