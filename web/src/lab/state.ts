// The lab that the page came with: what is asked, what was answered, and which records show the answers.

import { batch, computed, effect, signal } from '@preact/signals';
import { d, follow, hiding, lang, loadedKind, revision, tab, trace, view } from '../state/app';
import { moveToRecord } from '../state/cursor';
import { marks, savedMarks } from '../state/marks';
import { readGuide, type Guide } from './guide';

export interface Question { id: string; choices: string[]; answer: string; points?: number }
/** points: what each check counts. */
interface Lab { lab: string; version: number; questions: Question[]; points: Record<string, number>; guides: Map<string, Guide> }

const brought = signal<Lab | undefined>(undefined);
/** What was chosen here, by question. */
const chosen = signal<ReadonlyMap<string, string>>(new Map());

/** bytes: what the program put into the page; none in a page that shows no lab. */
export function bringLab(bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const { lab, version, questions, points, guides } = JSON.parse(new TextDecoder().decode(bytes)) as
    { lab: string; version: number; questions?: Question[]; points: Record<string, number>; guides: Record<string, string> };
  brought.value = { lab, version, questions: questions ?? [], points, guides: new Map(Object.entries(guides).map(([l, text]) => [l, readGuide(text)])) };
}

/** The lab, beside a trace of it, of this version, and no other. A live one may have let go of the record that says which. */
export const lab = computed(() => {
  void revision.value;
  const l = brought.value, own = trace.value?.lab;
  return l && (own ? own.lab === l.lab && (own.version ?? l.version) === l.version : loadedKind.value === 'live') ? l : undefined;
});
export const guide = computed(() => lab.value?.guides.get(lang.value) ?? lab.value?.guides.get('en'));

/** Answers given before it ran are in the trace. To each question the first that is one of its choices counts: as lab_grade.c takes them. */
export const answers = computed<ReadonlyMap<string, string>>(() => {
  void revision.value;
  const all = [...(trace.value?.answers ?? []).map((a) => [a.question, a.choice] as const), ...chosen.value];
  const choices = new Map(lab.value?.questions.map((q) => [q.id, q.choices]));
  return new Map(all.filter(([question, choice]) => choices.get(question)?.includes(choice)).reverse());
});
export const open = computed(() => lab.value?.questions.find((q) => !answers.value.has(q.id)));
/** Something is still asked: nothing of the trace may be seen. */
export const sealed = computed(() => open.value !== undefined);
/** All is answered: the trace may tell. */
export const revealed = computed(() => lab.value !== undefined && open.value === undefined);

export function choose(question: Question, choice: string): void {
  chosen.value = new Map(chosen.value).set(question.id, choice);
}

/** They were about the trace that was shown. */
export function forgetChosen(): void {
  chosen.value = new Map();
}

const isQuestion = (id: string) => lab.value?.questions.some((q) => q.id === id) ?? false;
export const checks = computed(() => {
  void revision.value;
  return (trace.value?.checks ?? []).filter((c) => !isQuestion(c.check));
});

/** What checks and answers come to, and could; none before the checks have come. As the program counts: src/lab/result.c. */
export const score = computed(() => {
  const l = lab.value;
  if (!l || checks.value.length === 0) return undefined;
  const passed = new Set(checks.value.filter((c) => c.result === 'passed').map((c) => c.check));
  const counted = [
    ...Object.entries(l.points).map(([id, points]) => ({ points, won: passed.has(id) })),
    ...l.questions.map(({ id, points, answer }) => ({ points: points ?? 0, won: answers.value.get(id) === answer })),
  ];
  const sum = (of: typeof counted) => of.reduce((all, { points }) => all + points, 0);
  return { points: sum(counted.filter((c) => c.won)), of: sum(counted) };
});

/** Of the one who ran it, where that was said. */
export const student = computed(() => (lab.value ? trace.value?.lab?.student : undefined));

/** Records that show the answer of a question. */
export function proofOf(id: string): number[] {
  void revision.value;
  return trace.value?.checks.find((c) => c.check === id)?.because ?? [];
}

export function showRecord(n: number): void {
  batch(() => {
    view.value = 'sequence';
    if (tab.value === 'list') tab.value = 'ladder';
    moveToRecord(n);
  });
}

/** Marks of ours are no work of the reader's that could be lost. */
function markProofs(): void {
  const proofs = new Map<number, string>();
  for (const q of lab.value!.questions) for (const n of proofOf(q.id)) proofs.set(n, d.peek().lab.shows(guide.peek()?.sections.get(q.id)?.text.trim() ?? q.id));
  const old = marks.peek();
  const add = [...proofs].filter(([n]) => !old.has(n));
  if (add.length === 0) return;
  const saved = old === savedMarks.peek();
  marks.value = new Map([...old, ...add]);
  if (saved) savedMarks.value = marks.value;
}

export function startLab(): void {
  let begun = false;
  effect(() => {
    if (!lab.value || begun) return;
    begun = true;
    tab.value = 'list';
  });
  // While something is asked nothing is shown of what would tell, whatever else would show it.
  effect(() => {
    if (!lab.value || !open.value) return;
    if (view.value !== 'sequence') view.value = 'sequence';
    if (!hiding.value) hiding.value = true;
    if (follow.value) follow.value = false;
  });
  effect(() => { if (revealed.value) hiding.value = false; });
  effect(() => { if (revealed.value) markProofs(); });
}
