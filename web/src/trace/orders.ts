// How connections can be put in order, how times can be told, and how two traces can lie over each other.

export const SORTS = ['start', 'duration', 'bytes', 'rtt', 'retrans', 'client', 'server', 'state', 'cause', 'problems'] as const;
export type Sort = (typeof SORTS)[number];

/** Since the start, since the row before, or of day. */
export const TIMES = ['start', 'delta', 'clock'] as const;
export type Times = (typeof TIMES)[number];

/** By what the two are laid over each other: their clocks, the beginnings of the two connections, or a segment that both have. */
export const ALIGNMENTS = ['clock', 'begin', 'segment'] as const;
export type Alignment = (typeof ALIGNMENTS)[number];
