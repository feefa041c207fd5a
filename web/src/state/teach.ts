// Teaching with a trace: what comes is hidden, and asked for before it is told; marks as slides; the tour of the sample.

import { computed, effect, signal } from '@preact/signals';
import { EDGES } from '../trace/edges';
import { STATES, type Rec, type State, type StateRec } from '../trace/records';
import { conn, currentRow, d, hiding, ladder, loadedKind, maximised, playing, revision, view } from './app';
import { moveTo, moveToRecord, setGate } from './cursor';
import { markList } from './marks';

/** Each change of state is asked for before it is shown. */
export const asking = signal(false);
export const score = signal({ right: 0, of: 0 });
/** What was answered, by the number of the change. */
const answers = signal<ReadonlyMap<number, State>>(new Map());
/** The change that is asked for. */
const asked = signal<StateRec | undefined>(undefined);
/** The last answer, until the cursor goes on. */
export const answered = signal<{ rec: StateRec; choice: State } | undefined>(undefined);

const CHOICES = 4;

/** The state that came, and others that an end could go to from there, in the order of the figure. */
function choicesOf(rec: StateRec): State[] {
  const likely = EDGES.filter((e) => e.from === rec.from && e.to !== rec.from).map((e) => e.to);
  const rest = STATES.filter((s) => s !== 'UNKNOWN' && s !== rec.from);
  // Not always the same ones beside it.
  const turned = rest.map((_, i) => rest[(i + rec.n) % rest.length]!);
  const all = [...new Set([rec.to, ...likely, ...turned])].slice(0, CHOICES);
  return STATES.filter((s) => all.includes(s));
}

export const question = computed(() => {
  const rec = asked.value;
  if (!hiding.value || !asking.value || !rec || rec.conn !== conn.value?.id || answers.value.has(rec.n)) return undefined;
  return { rec, choices: choicesOf(rec) };
});

export function answer(choice: State): void {
  const q = question.value;
  if (!q) return;
  answers.value = new Map(answers.value).set(q.rec.n, choice);
  score.value = { right: score.value.right + Number(choice === q.rec.to), of: score.value.of + 1 };
  answered.value = { rec: q.rec, choice };
  moveTo(q.rec);
}

/** Shows it without an answer; it does not count. */
export function reveal(): void {
  const q = question.value;
  if (!q) return;
  answers.value = new Map(answers.value).set(q.rec.n, q.rec.from);
  moveTo(q.rec);
}

function mayPass(rec: Rec): boolean {
  answered.value = undefined;
  if (!hiding.value || !asking.value || rec.record !== 'state' || rec.from === 'UNKNOWN' || answers.value.has(rec.n)) return true;
  asked.value = rec;
  playing.value = false;
  return false;
}

export function startTeaching(): void {
  setGate(mayPass);
}

export function forgetAnswers(): void {
  answers.value = new Map();
  asked.value = answered.value = undefined;
  score.value = { right: 0, of: 0 };
}

/** The mark that is shown as a slide. */
export const slide = signal<number | undefined>(undefined);

export function showSlide(i: number | undefined): void {
  const list = markList.value;
  if (i === undefined || list.length === 0) {
    slide.value = undefined;
    return;
  }
  slide.value = (i + list.length) % list.length;
  view.value = 'sequence';
  moveToRecord(list[slide.value]![0]);
}

/** What each step of the tour shows of the sample. */
const STOPS: ((e: Rec) => boolean)[] = [
  () => true,
  (e) => e.record === 'state' && e.to === 'SYN-SENT', (e) => e.record === 'state' && e.to === 'SYN-RECEIVED',
  (e) => e.record === 'state' && e.end === 'server' && e.to === 'ESTABLISHED', (e) => e.record === 'call' && /^accept/.test(e.name),
  (e) => e.record === 'segment' && e.len > 0, (e) => e.record === 'state' && e.to === 'FIN-WAIT-1',
  (e) => e.record === 'state' && e.to === 'CLOSE-WAIT', (e) => e.record === 'state' && e.to === 'TIME-WAIT',
];
export const tour = signal<number | undefined>(undefined);
/** One that has a row of its own. */
const stopOf = (i: number): Rec | undefined => ladder.value?.events.find((row) => STOPS[i]!(row.rec))?.rec;

export function showTour(i: number | undefined): void {
  const steps = d.value.teach.tourSteps.length;
  tour.value = i === undefined || i < 0 || i >= steps ? undefined : i;
  if (tour.value === undefined) return;
  view.value = 'sequence';
  const stop = stopOf(tour.value);
  if (stop) moveTo(stop);
}
/** The tour tells of the sample and of nothing else. */
export const touring = computed(() => (loadedKind.value === 'sample' ? tour.value : undefined));

/** Rows that may be seen: up to the cursor where the rest is hidden. */
export const shownUpTo = computed(() => (hiding.value ? currentRow.value?.index ?? -1 : (ladder.value?.events.length ?? 0) - 1));
export const ended = computed(() => !hiding.value || shownUpTo.value >= (ladder.value?.events.length ?? 0) - 1);

export function fullScreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen?.().catch(() => { maximised.value ??= 'ladder'; });
}

/** The tour begins when the sample is there. */
export function startTour(): void {
  effect(() => {
    const at = touring.value;
    void revision.value;
    if (at === 0 && conn.value && loadedKind.value === 'sample') queueMicrotask(() => showTour(0));
  });
}
