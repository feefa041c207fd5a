// How connections can be put in order, and how times can be told.

export const SORTS = ['start', 'duration', 'bytes', 'rtt', 'retrans', 'client', 'server', 'state', 'cause', 'problems'] as const;
export type Sort = (typeof SORTS)[number];

/** Since the start, since the row before, or of day. */
export const TIMES = ['start', 'delta', 'clock'] as const;
export type Times = (typeof TIMES)[number];
