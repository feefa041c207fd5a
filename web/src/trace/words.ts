// The words of a trace, made from include/tcplens/trace/ by `make vocabulary`: do not edit.

export const STATES = [
  'UNKNOWN', 'CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT',
  'CLOSING', 'LAST-ACK', 'TIME-WAIT',
] as const;
export type State = (typeof STATES)[number];

export const ENDS = [
  'client', 'server',
] as const;
export type End = (typeof ENDS)[number];

export const HOWS = [
  'observed', 'sampled', 'inferred', 'assumed', 'predicted', 'corrected',
] as const;
export type How = (typeof HOWS)[number];

export const SOURCES = [
  'kernel', 'diag', 'wire',
] as const;
export type Source = (typeof SOURCES)[number];

export const OBJECTS = [
  'none', 'request', 'sock', 'timewait',
] as const;
export type KernelObject = (typeof OBJECTS)[number];

export const TIMERS = [
  'time-wait', 'fin-wait-2', 'syn-ack', 'retransmit', 'keepalive', 'persist',
] as const;
export type TimerName = (typeof TIMERS)[number];

export const TIMER_WHYS = [
  'reused', 'reset', 'not-idle', 'removed',
] as const;
export type TimerWhy = (typeof TIMER_WHYS)[number];

export const QUEUE_WHYS = [
  'syn', 'established', 'accept', 'overflow', 'deferred', 'cookie', 'expired', 'dropped', 'closed', 'sample',
] as const;
export type QueueWhy = (typeof QUEUE_WHYS)[number];

export const NOTES = [
  'retransmission', 'out-of-order', 'keep-alive', 'duplicate-ack', 'zero-window', 'lost-segment', 'bad-checksum',
  'fast-retransmission', 'spurious-retransmission', 'acked-unseen', 'zero-window-probe', 'zero-window-probe-ack',
  'window-full', 'window-update', 'keep-alive-ack', 'port-reuse', 'unacceptable', 'challenge-ack',
  'earlier-connection', 'copy', 'lost-on-wire',
] as const;
export type Note = (typeof NOTES)[number];

export const VERDICTS = [
  'unknown', 'closed-normally', 'closed-both', 'still-open', 'half-closed', 'closing', 'refused', 'reset-by-client',
  'reset-by-server', 'timed-out', 'no-answer', 'handshake-incomplete', 'midstream',
] as const;
export type Verdict = (typeof VERDICTS)[number];

export const CAUSES = [
  'accept-queue-full', 'syn-queue-full', 'syn-backlog-full', 'listener-dropped', 'signature-refused',
  'listener-closed', 'no-listener', 'filter-reset', 'deferred', 'unread-data', 'abort', 'data-after-close',
  'no-socket', 'killed', 'retransmission-timeout', 'probe-timeout', 'keep-alive-timeout', 'user-timeout',
  'syn-timeout', 'orphan-timeout', 'time-wait-answered', 'no-ack', 'ack-unacceptable', 'superseded', 'local-drop',
  'icmp-net-unreachable', 'icmp-host-unreachable', 'icmp-protocol-unreachable', 'icmp-port-unreachable',
  'icmp-fragmentation-needed', 'icmp-source-route-failed', 'icmp-admin-prohibited', 'icmp-time-exceeded',
  'icmp-other',
] as const;
export type Cause = (typeof CAUSES)[number];

export const DIFFERENCES = [
  'before-trace', 'events-lost', 'fin-unsent', 'queue-full', 'request-expired', 'connect-given-up', 'icmp-error',
  'deferred', 'retries-used-up', 'reset-unseen', 'reset-lost', 'reset-foreign', 'segment-lost', 'fin-wait-2-timeout',
  'no-time-wait',
] as const;
export type Difference = (typeof DIFFERENCES)[number];

export const END_REASONS = [
  'command', 'interrupt', 'duration', 'count', 'input', 'error',
] as const;
export type EndReason = (typeof END_REASONS)[number];

export const SEVERITIES = [
  'error', 'warning', 'note',
] as const;
export type Severity = (typeof SEVERITIES)[number];

export const FINDINGS = [
  'accept-queue-overflow', 'syn-queue-overflow', 'syn-cookies', 'slow-accept', 'deferred-accept', 'owner-gone',
  'handshake-incomplete', 'refused', 'no-answer', 'icmp-error', 'local-drop', 'resets', 'timed-out',
  'half-open-peer', 'keep-alive-off', 'close-wait-held', 'fin-wait-2-orphans', 'time-wait-pile-up',
  'ports-exhausted', 'descriptors-exhausted', 'port-reuse', 'retransmissions', 'spurious-retransmissions',
  'rto-stalls', 'mtu-black-hole', 'zero-window-stalls', 'small-write-stalls', 'bad-checksums',
] as const;
export type FindingKind = (typeof FINDINGS)[number];

export const CHECK_RESULTS = [
  'passed', 'failed', 'inconclusive',
] as const;
export type CheckResult = (typeof CHECK_RESULTS)[number];

export const CLOCK_FITS = [
  'unknown', 'same', 'line', 'constant', 'one-sided',
] as const;
export type ClockFit = (typeof CLOCK_FITS)[number];

export const BEYONDS = [
  'connections', 'listeners', 'findings', 'held-events', 'pairs',
] as const;
export type Beyond = (typeof BEYONDS)[number];

export const STANDINGS = [
  'close-wait', 'unanswered', 'opening', 'in-vain', 'zero-window',
] as const;
export type Standing = (typeof STANDINGS)[number];

export const ICMP_ERRORS = [
  'net-unreachable', 'host-unreachable', 'protocol-unreachable', 'port-unreachable', 'fragmentation-needed',
  'source-route-failed', 'admin-prohibited', 'time-exceeded', 'other',
] as const;
export type IcmpError = (typeof ICMP_ERRORS)[number];

export const TUNNEL_TYPES = [
  'ipip', '6in4', '4in6', '6in6', 'gre', 'nvgre', 'pptp', 'eoip', 'erspan', 'etherip', 'mpls', 'vxlan', 'vxlan-gpe',
  'geneve', 'gtp-u', 'teredo', 'ayiya', 'l2tp', 'gue', 'fou', '802.1ah',
] as const;
export type TunnelType = (typeof TUNNEL_TYPES)[number];

export const POLL_EVENTS = [
  'IN', 'PRI', 'OUT', 'ERR', 'HUP', 'NVAL', 'RDNORM', 'RDBAND', 'WRNORM', 'WRBAND', 'RDHUP', 'EXCLUSIVE', 'WAKEUP',
  'ONESHOT', 'ET',
] as const;
export type PollEvent = (typeof POLL_EVENTS)[number];

export const DIRECTIONS = [
  'sent', 'received',
] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const SYSCTLS = [
  'net.core.somaxconn', 'net.ipv4.tcp_max_syn_backlog', 'net.ipv4.tcp_syncookies', 'net.ipv4.tcp_abort_on_overflow',
  'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_syn_retries', 'net.ipv4.tcp_synack_retries', 'net.ipv4.tcp_retries2',
  'net.ipv4.tcp_tw_reuse', 'net.ipv4.tcp_max_tw_buckets', 'net.ipv4.tcp_fastopen', 'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_orphan_retries',
  'net.ipv4.tcp_retries1', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_mtu_probing',
  'net.ipv4.tcp_syn_linear_timeouts',
] as const;
export type Sysctl = (typeof SYSCTLS)[number];

export const RECORD_KINDS = [
  'header', 'connection', 'state', 'object', 'segment', 'arrival', 'icmp', 'datagram', 'call', 'process', 'listener',
  'queue', 'timer', 'reset', 'disagreement', 'gap', 'counter', 'outcome', 'finding', 'lab', 'answer', 'check', 'end',
] as const;
export type Kind = (typeof RECORD_KINDS)[number];

/** The first four bytes of capture files. */
export const CAPTURE_MAGICS = [
  [161, 178, 195, 212], // pcap
  [212, 195, 178, 161], // pcap
  [161, 178, 60, 77], // pcap, nanoseconds
  [77, 60, 178, 161], // pcap, nanoseconds
  [161, 178, 205, 52], // pcap, modified
  [52, 205, 178, 161], // pcap, modified
  [10, 13, 13, 10], // pcapng
] as const;

/** What a record of each kind says. */
export const SAYS: Record<Kind, string> = {
  header: 'The first line',
  connection: 'A connection is first seen',
  state: 'One end changed state, by one witness',
  object: 'The kernel moved one end into another object while its RFC state stayed',
  segment: 'One TCP segment on the wire',
  arrival: 'A segment came out of a wire, and went to its receiver',
  icmp: 'An ICMP error quotes a segment of the connection',
  datagram: 'One UDP datagram on the wire, or an ICMP error that quotes one',
  call: 'A system call of the application, at its return, or while it goes on',
  process: 'A process or a thread begins, becomes another program, or ends',
  listener: 'A socket listens, or its backlog changed, or it was closed',
  queue: 'A queue of a listener changed',
  timer: 'A deadline of one end was set, fired, or was cancelled',
  reset: 'The kernel sent or received a RST',
  disagreement: 'The kernel and the packets tell different states of one end',
  gap: 'Something was not seen, or is not here',
  counter: 'A counter of the network namespace, as nstat(8) has them',
  outcome: 'A connection ended, or the trace did',
  finding: 'Something is wrong, or worth knowing, over many connections',
  lab: 'A lab begins, or an actor of it has done a step',
  answer: 'What was predicted before a lab ran',
  check: 'What the trace of a lab was held against, and whether it is so',
  end: 'The last line. Where it is missing the trace was cut',
};

/** What stands out where there is no finding: how long follows. */
export const STANDS: Record<Standing, string> = {
  'close-wait': 'stayed in CLOSE-WAIT, which its application did not close,',
  'unanswered': 'sent no byte back for what it got, in a connection that lasted',
  'opening': 'waited in SYN-SENT',
  'in-vain': 'sent again or probed, and was not answered,',
  'zero-window': 'could send nothing, for its peer\'s window was zero,',
};

/** Fields that a reader cannot do without, and those that may be there; with what tells a value of theirs. */
export const SHAPES: Record<Kind, { need: Record<string, string>; may: Record<string, string> }> = {
  header: {
    need: {
      format: 'str', version: 'int',
    },
    may: {
      tool: 'str', start: 'str', kernel: 'str', sources: 'strings', missing: 'array', input: 'str', netns: 'str',
      interfaces: 'strings', filter: 'object', command: 'strings', sysctl: 'object', host: 'object', clock: 'object',
      merged: 'array', part: 'int',
    },
  },
  connection: {
    need: {
      conn: 'int', client: 'address', server: 'address',
    },
    may: {
      family: 'str', netns: 'int', local: 'strings', since: 'str', roles: 'str', tunnel: 'array', because: 'int',
    },
  },
  state: {
    need: {
      conn: 'int', end: 'end', from: 'state', to: 'state', how: 'words:HOWS', source: 'words:SOURCES',
    },
    may: {
      rfc: 'str', kernel: 'object', owner: 'object', opened_by: 'object', error: 'str', call: 'str', because: 'int',
    },
  },
  object: {
    need: {
      conn: 'int', end: 'end', from: 'str', to: 'str', state: 'state',
    },
    may: {
      kernel: 'object', because: 'int',
    },
  },
  segment: {
    need: {
      conn: 'int', from: 'end', flags: 'strings', seq: 'int', len: 'int',
    },
    may: {
      seq_abs: 'int', ack: 'int', win: 'int', options: 'object', notes: 'strings', dup_ack: 'int', rtt_ns: 'int',
      cut: 'true', sent: 'int', received: 'int', header: 'str', frame: 'int', because: 'int',
    },
  },
  arrival: {
    need: {
      conn: 'int', end: 'end',
    },
    may: {
      delay_ns: 'int', because: 'int',
    },
  },
  icmp: {
    need: {
      conn: 'int', end: 'end', error: 'str',
    },
    may: {
      by: 'str', seq_abs: 'int', mtu: 'int', frame: 'int', because: 'int',
    },
  },
  datagram: {
    need: {
      from: 'address', to: 'address', len: 'int',
    },
    may: {
      checksum: 'str', icmp: 'object', sender: 'int', receiver: 'int', lost: 'true', dns: 'object', frame: 'int',
      because: 'int',
    },
  },
  call: {
    need: {
      name: 'str',
    },
    may: {
      conn: 'int', listener: 'int', socket: 'int', end: 'end', fd: 'int', args: 'object', events: 'strings',
      blocked: 'true', ret: 'int', ready: 'array', errno: 'str', duration_ns: 'int', pid: 'int', tid: 'int',
      comm: 'str', because: 'int',
    },
  },
  process: {
    need: {
      event: 'str', pid: 'int',
    },
    may: {
      tid: 'int', parent: 'int', comm: 'str', status: 'int', cpu_ns: 'int', user_ns: 'int', system_ns: 'int',
      nvcsw: 'int', nivcsw: 'int', maxrss_kb: 'int', because: 'int',
    },
  },
  listener: {
    need: {
      listener: 'int', addr: 'str', port: 'int',
    },
    may: {
      backlog: 'int', limit: 'int', netns: 'int', owner: 'object', opened_by: 'object', since: 'str', closed: 'true',
      because: 'int',
    },
  },
  queue: {
    need: {
      listener: 'int', syn: 'int', accept: 'int',
    },
    may: {
      limit: 'int', drops: 'int', cause: 'str', max_syn_backlog: 'int', why: 'str', conn: 'int', because: 'int',
    },
  },
  timer: {
    need: {
      conn: 'int', end: 'end', name: 'str',
    },
    may: {
      expires: 'int', fired: 'true', cancelled: 'true', why: 'str', count: 'int', rto_ns: 'int', waited_ns: 'int',
      source: 'str', because: 'int',
    },
  },
  reset: {
    need: {
      conn: 'int', end: 'end', direction: 'words:DIRECTIONS',
    },
    may: {
      reason: 'str', who: 'str', because: 'int',
    },
  },
  disagreement: {
    need: {
      conn: 'int', end: 'end', kernel: 'state', wire: 'state',
    },
    may: {
      known: 'str', because: 'int',
    },
  },
  gap: {
    need: {
      lost: 'int',
    },
    may: {
      source: 'str', hook: 'str', interface: 'str', records: 'int', from: 'int', to: 'int', because: 'int',
    },
  },
  counter: {
    need: {
      name: 'str', value: 'int', delta: 'int',
    },
    may: {
      because: 'int',
    },
  },
  outcome: {
    need: {
      conn: 'int', verdict: 'str',
    },
    may: {
      conn_state: 'str', history: 'str', text: 'str', cause: 'str', cause_end: 'end', errno: 'str', unread: 'int',
      listener: 'int', drops: 'int', abort_on_overflow: 'true', stalled: 'object', final: 'object', netns: 'ints',
      bytes: 'ints', segments: 'ints', duration_ns: 'int', rtt_ns: 'int', durations: 'object', closed_by: 'end',
      reset_by: 'end', because: 'int',
    },
  },
  finding: {
    need: {
      kind: 'str', severity: 'str',
    },
    may: {
      count: 'int', cause: 'str', listener: 'int', peer: 'str', port: 'int', owner: 'object', conns: 'array',
      first: 'int', last: 'int', text: 'str', evidence: 'ints', remedy: 'strings', because: 'array',
    },
  },
  lab: {
    need: {
      lab: 'str',
    },
    may: {
      version: 'int', student: 'str', values: 'object', actor: 'str', step: 'int', op: 'str', addr: 'str',
      ret: 'int', errno: 'str', duration_ns: 'int', text: 'str', because: 'int',
    },
  },
  answer: {
    need: {
      question: 'str', choice: 'str',
    },
    may: {
      right: 'true', because: 'int',
    },
  },
  check: {
    need: {
      check: 'str', result: 'str',
    },
    may: {
      expected: 'str', seen: 'str', because: 'array',
    },
  },
  end: {
    need: {},
    may: {
      reason: 'str', status: 'int', counts: 'object', lost: 'ints', late: 'int', beyond: 'ints', clock: 'object',
      skipped: 'ints',
    },
  },
};
