// The guide beside the trace: what it is about, the questions, what the trace answered, what came of the checks.

import { d, trace } from '../state/app';
import { known } from '../i18n';
import { count, show } from '../text';
import { expectText } from '../kinds/expect-text';
import { blocks, pieces, type Guide } from './guide';
import { answers, checks, choose, guide, lab, open, proofOf, revealed, score, showRecord, student, type Question } from './state';

function Inline({ text }: { text: string }) {
  return <>{pieces(text).map(({ kind, text }) => (kind === 'code' ? <code>{text}</code> : kind === 'strong' ? <strong>{text}</strong> : kind === 'em' ? <em>{text}</em> : text))}</>;
}

/** Text nodes and these elements only: nothing of it becomes markup. */
function Markdown({ text }: { text: string }) {
  return (
    <>
      {blocks(text).map(({ kind, lines }) => (
        kind === 'ul' ? <ul>{lines.map((l) => <li><Inline text={l} /></li>)}</ul> : kind === 'pre' ? <pre>{lines[0]}</pre> : <p><Inline text={lines[0]!} /></p>
      ))}
    </>
  );
}

function Records({ label, list }: { label: string; list: readonly number[] }) {
  if (list.length === 0) return null;
  return <p class="proof">{label} {list.map((n) => <button class="bare" onClick={() => showRecord(n)}>#{count(n)}</button>)}</p>;
}

function Asked({ g, q }: { g: Guide; q: Question }) {
  const words = d.value.lab;
  const section = g.sections.get(q.id);
  const of = lab.value!.questions;
  return (
    <div class="asked" aria-live="polite">
      <h3>{words.question(of.indexOf(q) + 1, of.length)}</h3>
      <Markdown text={section?.text ?? q.id} />
      {q.choices.map((c) => <button key={`${q.id} ${c}`} data-choice={c} onClick={() => choose(q, c)}><Inline text={section?.choices.get(c)?.text ?? c} /></button>)}
    </div>
  );
}

function Answered({ g, q }: { g: Guide; q: Question }) {
  const words = d.value.lab;
  const section = g.sections.get(q.id);
  const mine = answers.value.get(q.id)!;
  const right = mine === q.answer;
  const said = (c: string) => section?.choices.get(c);
  return (
    <div class={`answered ${right ? 'good' : 'bad'}`} data-question={q.id}>
      <Markdown text={section?.text ?? q.id} />
      <p><b>{right ? words.right : words.wrong}</b> <Inline text={said(mine)?.text ?? mine} /></p>
      <Markdown text={said(mine)?.feedback ?? ''} />
      {!right && <p><b>{words.instead}</b> <Inline text={said(q.answer)?.text ?? q.answer} /></p>}
      {!right && <Markdown text={said(q.answer)?.feedback ?? ''} />}
      <Records label={words.shownBy} list={proofOf(q.id)} />
    </div>
  );
}

function Checks({ g }: { g: Guide }) {
  const { lab: words, why } = d.value;
  if (checks.value.length === 0) return <p class="muted">{words.running}</p>;
  return (
    <>
      <h3>{words.checks}</h3>
      <ul class="checks">
        {checks.value.map((c) => (
          <li class={c.result} data-check={c.check}>
            <b>{known(why.checkResults, c.result) ?? show(c.result)}</b> <Inline text={g.sections.get(c.check)?.text.trim() ?? show(c.check)} />
            <dl>
              <dt>{why.fields.expected}</dt><dd>{expectText(d.value, c.expected ?? '')}</dd>
              <dt>{why.fields.seen}</dt><dd>{show(c.seen ?? '', 240)}</dd>
            </dl>
            <Records label="" list={c.because ?? []} />
          </li>
        ))}
      </ul>
      <Markdown text={g.sections.get('after')?.text ?? ''} />
    </>
  );
}

/** Whose it is, when it was and what it came to: for who is handed the page. */
function Handed() {
  const came = revealed.value ? score.value : undefined;
  const facts = [student.value && show(student.value, 80), show(trace.value?.header?.start?.slice(0, 16).replace('T', ' '), 40), came && d.value.lab.points(came.points, came.of)];
  return <p class="handed muted">{facts.filter(Boolean).join(' · ')}</p>;
}

export function LabGuide() {
  const g = guide.value;
  if (!g) return null;
  const q = open.value;
  return (
    <section class="panel lab" aria-labelledby="lab-title">
      <h2 id="lab-title">{show(g.title, 120)}</h2>
      <Handed />
      <div class="lab-scroll" tabIndex={0} aria-labelledby="lab-title">
        <Markdown text={g.intro} />
        {q && <Asked g={g} q={q} />}
        {revealed.value && lab.value!.questions.map((one) => <Answered key={one.id} g={g} q={one} />)}
        {revealed.value && <Checks g={g} />}
      </div>
    </section>
  );
}
