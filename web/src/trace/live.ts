// The live stream of `tcplens trace --serve`: server-sent events, one trace line a data line.

export interface LiveSink {
  lines(text: string): void;
  /** The server dropped records for this slow reader. */
  lost(count: number): void;
  state(s: LiveState): void;
}
export type LiveState = 'connecting' | 'open' | 'lost' | 'refused' | 'ended';

/** The token is in the address that `trace --serve` prints; without it this is a plain page. */
export function liveAddress(at: Location): string | undefined {
  if (at.protocol !== 'http:' && at.protocol !== 'https:') return undefined;
  const token = new URLSearchParams(at.search).get('token');
  return token ? `/events?token=${encodeURIComponent(token)}` : undefined;
}

export function connect(address: string, sink: LiveSink): () => void {
  const events = new EventSource(address);
  let opened = false;
  sink.state('connecting');
  events.onopen = () => {
    opened = true;
    sink.state('open');
  };
  events.onmessage = (e: MessageEvent<string>) => sink.lines(e.data);
  events.addEventListener('gap', (e) => {
    const lost = lostOf((e as MessageEvent<string>).data);
    if (lost > 0) sink.lost(lost);
  });
  events.addEventListener('end', () => {
    events.close();
    sink.state('ended');
  });
  // The browser reconnects by itself, and tells the server the last record it has.
  events.onerror = () => {
    sink.state(events.readyState === EventSource.CLOSED && !opened ? 'refused' : 'lost');
  };
  return () => events.close();
}

function lostOf(data: string): number {
  try {
    const v = (JSON.parse(data) as { lost?: unknown }).lost;
    return typeof v === 'number' && v > 0 ? v : 0;
  } catch {
    return 0;
  }
}
