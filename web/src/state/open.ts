// Opening a trace: a file, the built-in sample, or the live stream.

import { batch, signal } from '@preact/signals';
import { connect, liveAddress } from '../trace/live';
import { Trace } from '../trace/model';
import { Parser, Refused, type Refusal } from '../trace/parse';
import { read, type Job, type Status } from '../trace/worker';
import { capture, captured, jobFor, makeTrace } from '../engine/state';
import { d, follow, live, otherTrace, reset, touched, view, revision, selected, source, trace, type Reading, type Source } from './app';
import { forgetEdge, heard, select, toNewest } from './cursor';
import { forgetMarks, unsaved } from './marks';
import { placed } from './hash';
import { original, sampleFile } from './report';
import { forgetChosen, lab } from '../lab/state';
import { wrongs } from './findings';

/** A live trace that got longer cannot be saved from the page any more: it would fill the memory twice. */
const ORIGINAL_MAX = 256 << 20;
/** The newest records of a live trace, which may go on for days. */
const LIVE_RECORDS = 1_000_000;
/** Time between two pictures of it. */
const LIVE_MS = 100;
/** Between two steps of its clock. */
const TICK_MS = 250;

let abort: AbortController | undefined;
let hangUp: (() => void) | undefined;

export function cancel(): void {
  abort?.abort();
}

function begin(): Trace {
  abort?.abort();
  hangUp?.();
  hangUp = undefined;
  reset();
  forgetMarks();
  forgetEdge();
  forgetChosen();
  original.value = undefined;
  follow.value = false;
  return new Trace();
}

/** Shows what has been read so far; the first connection is chosen so that there is a picture. */
function publish(t: Trace, from: Source): void {
  batch(() => {
    if (trace.value !== t && t.header) trace.value = t;
    source.value = from;
    revision.value++;
    if (selected.value === undefined && t.all[0]) select(t.all[0].id);
    // It was let go with its last record: the newest is as good.
    else if (!t.conn(selected.value) && t.all.length > 0) select(t.all[t.all.length - 1]!.id);
  });
}

const found = ({ malformed, tooLarge }: Status) => ({ malformed: malformed && { ...malformed }, tooLarge });
const whyOf = (e: unknown): Refusal =>
  (e instanceof Refused ? e.why : { kind: 'unreadable', message: e instanceof Error ? e.message : String(e) });
const NOTHING_FOUND = { malformed: undefined, tooLarge: false };

/** Traces that were given together, and which of them is shown. */
export const given = signal<readonly File[]>([]);
export const shownFile = signal(0);

/** Opens the first of them; the others are one choice away. Marks that are in no report are asked about first. */
export function openFiles(files: readonly File[]): void {
  if (files.length === 0 || !mayLeave()) return;
  given.value = files;
  shownFile.value = 0;
  void openFile(files[0]!);
}

export function openGiven(i: number): void {
  const file = given.value[i];
  if (!file || !mayLeave()) return;
  shownFile.value = i;
  void openFile(file);
}

const mayLeave = (): boolean => !unsaved.value || confirm(d.value.view.dropMarks);

/** A file may hold several traces, one after the other: each is a part of it. */
async function split(file: File, starts: readonly number[]): Promise<void> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const plain: Blob = head[0] === 0x1f && head[1] === 0x8b ? await new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).blob() : file;
  if (original.value !== file) return;
  const parts = [0, ...starts].map((from, i) => new File([plain.slice(from, starts[i])], `${file.name} (${i + 1})`));
  given.value = given.value.length > 1 ? given.value.flatMap((f) => (f === file ? parts : [f])) : parts;
  traces.value = parts.length;
}
/** Traces that the file was found to hold. */
export const traces = signal(1);

/** Where something is wrong the page opens on that, unless it is a lab's, a place was asked for or a hand has chosen one. */
function showAnswers(): void {
  if (!touched.value && !placed() && otherTrace.value === undefined && !lab.value && wrongs.value > 0) view.value = 'answers';
}

export async function openFile(file: File, kind: 'file' | 'sample' = 'file'): Promise<void> {
  capture.value = undefined;
  return openJob(file, kind);
}

export async function openJob(job: Job, kind: 'file' | 'sample' = 'file'): Promise<void> {
  const t = begin();
  const control = (abort = new AbortController());
  const file = 'engine' in job ? job.file : job;
  const { name } = file;
  captured.value = undefined;
  let seen: ReturnType<typeof found> = NOTHING_FOUND;
  let shown = { read: 0, at: -Infinity };
  let status: Status;
  source.value = { kind, name, ...seen, state: { is: 'reading', read: 0, size: file.size } };
  try {
    status = await read(job, {
      slice: (slice) => t.take(slice),
      progress(p, now) {
        const state: Reading = { is: 'reading', ...p };
        // A picture costs in proportion to what is there: the next when a quarter more has come.
        if (p.read < shown.read * 1.25 || performance.now() - shown.at < 250) {
          source.value = { kind, name, ...seen, state };
          return;
        }
        seen = found(now);
        publish(t, { kind, name, ...seen, state });
        shown = { read: p.read, at: performance.now() };
      },
    }, control.signal);
  } catch (e) {
    if (control !== abort) return;
    const why = whyOf(e);
    const again = why.kind === 'capture' && jobFor(file);
    if (again) return openJob(again);
    // What was read before stays, and says that it is not all.
    if (trace.value === t) publish(t, { kind, name, ...seen, state: { is: 'failed' }, failed: why });
    else source.value = { kind: 'refused', name, why };
    return;
  }
  if (control !== abort) return;
  batch(() => {
    original.value = 'engine' in job ? () => makeTrace(job) : file;
    captured.value = status.captured;
    const cut = status.captured?.failed;
    const is = control.signal.aborted ? 'stopped' : cut !== undefined ? 'failed' : status.ended ? 'complete' : 'cut';
    publish(t, { kind, name, ...found(status), state: { is }, ...(cut !== undefined && { failed: { kind: 'unreadable', message: cut } }) });
    traces.value = 1;
    if (status.more.length > 0) void split(file, status.more);
    if (is !== 'stopped') showAnswers();
  });
}

export function openSample(): void {
  if (!mayLeave()) return;
  given.value = [];
  void openFile(sampleFile(), 'sample');
}

/** Connects to the server this page came from, if it came from a live one. */
export function openLive(): boolean {
  const address = liveAddress(location);
  if (!address) return false;
  const t = begin();
  const parser = new Parser((slice) => {
    t.take(slice);
    t.keep(LIVE_RECORDS);
  }, Infinity);
  let now: Extract<Source, { kind: 'live' }> = { kind: 'live', name: location.host, ...NOTHING_FOUND, state: 'connecting', lost: 0, cut: false };
  const tell = (news: Partial<typeof now>) => {
    source.value = now = { ...now, ...news };
  };
  let soon: ReturnType<typeof setTimeout> | undefined;
  let drawn = 0;
  let kept = new Blob();
  let parts: string[] = [];
  let size = 0;
  follow.value = true;
  // Time goes on where nothing happens: a countdown runs.
  const clock = setInterval(() => { if (follow.value && live.value === 'open') toNewest(); }, TICK_MS);
  const draw = () => {
    clearTimeout(soon);
    soon = undefined;
    drawn = performance.now();
    kept = size <= ORIGINAL_MAX ? new Blob([kept, ...parts]) : new Blob();
    parts = [];
    original.value = size <= ORIGINAL_MAX ? kept : undefined;
    parser.flush();
    heard(t.last);
    publish(t, (now = { ...now, ...found(parser) }));
    if (follow.value) toNewest();
  };
  const close = connect(address, {
    lines(text) {
      try {
        parser.feed(`${text}\n`);
        size += text.length + 1;
        if (size <= ORIGINAL_MAX) parts.push(`${text}\n`);
      } catch (e) {
        hangUp?.();
        if (trace.value === t) tell({ failed: whyOf(e) });
        else source.value = { kind: 'refused', name: location.host, why: whyOf(e) };
        return;
      }
      // Many messages come within the time of one picture.
      soon ??= setTimeout(draw, Math.max(0, drawn + LIVE_MS - performance.now()));
    },
    lost(n) {
      tell({ lost: now.lost + n });
    },
    state(s) {
      tell({ state: s });
      if (s !== 'ended') return;
      clearInterval(clock);
      draw();
      tell({ cut: parser.header !== undefined && !parser.ended });
    },
  });
  hangUp = () => {
    clearTimeout(soon);
    clearInterval(clock);
    close();
  };
  return true;
}
