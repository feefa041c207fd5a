// "Why?": the selected record in plain words.

import { causeOf } from '../trace/records';
import { around } from '../trace/model';
import { conn, currentRec, currentRow, d, trace } from '../state/app';
import { moveToRecord } from '../state/cursor';
import { markList, marks, NOTE_MAX, setNote, toggleMark } from '../state/marks';
import { show } from '../text';
import { explain, shortOf } from '../kinds';
import { nameOf } from '../kinds/kind';
import { Maximise } from './parts';

export function Why() {
  const words = d.value;
  const t = trace.value;
  const rec = currentRec.value;
  const row = currentRow.value;
  return (
    <section class="panel why" aria-labelledby="why-title">
      <h2 id="why-title">{words.ui.why}<Maximise name="why" /></h2>
      <div class="why-scroll" id="why" tabIndex={0} aria-labelledby="why-title">
        <Marks />
        {!t || !rec ? <p class="hollow">{words.ui.noEvent}</p> : <><Text /><Mark n={rec.n} /></>}
        {row && rec && row.attached.length > 0 && (row.rec === rec || row.attached.some((s) => s === rec)) && (
          <div class="attached">
            <h3>{words.ui.wireSays}</h3>
            {row.attached.map((s) => (
              <button key={s.n} class="small" onClick={() => moveToRecord(s.n)} title={words.ui.jump(s.n)}>
                {words.label[s.end]}{words.colon}{s.from} → {s.to}
              </button>
            ))}
          </div>
        )}
      </div>
    </section>
  );
}

function Mark({ n }: { n: number }) {
  const ui = d.value.ui;
  const note = marks.value.get(n);
  return (
    <div class="mark">
      <button class="small" aria-pressed={note !== undefined} title="M" onClick={() => toggleMark(n)}>⚑ {ui.mark}</button>
      {note !== undefined && (
        <textarea
          id="note" rows={2} maxLength={NOTE_MAX} aria-label={ui.note} placeholder={ui.note} value={note}
          onInput={(e) => setNote(n, e.currentTarget.value)}
        />
      )}
    </div>
  );
}

function Marks() {
  const ui = d.value.ui;
  const list = markList.value;
  if (list.length === 0) return null;
  return (
    <div class="marks">
      <h3>{ui.marks(list.length)}</h3>
      {list.slice(0, 50).map(([n, note]) => (
        <button key={n} class="small" title={ui.jump(n)} onClick={() => moveToRecord(n)}>#{n} {note === '' ? shortOfN(n) : show(note, 60)}</button>
      ))}
    </div>
  );
}

function shortOfN(n: number): string {
  const rec = trace.value?.byN(n);
  return rec ? shortOf(rec) : '';
}

function Text() {
  const words = d.value;
  const t = trace.value!;
  const rec = currentRec.value!;
  const e = explain(words, around(t, conn.value), rec);
  const sysctl = t.header?.sysctl ?? {};
  const because = t.byN(causeOf(rec));
  return (
    <>
      <h3 class="why-head"><span class="tag">{nameOf(words, rec.record)}</span> {e.title}</h3>
      <p class="lead">{e.what}</p>
      {e.more.map((m) => <p key={m} class="more">{m}</p>)}
      {e.why && <p>{e.why}</p>}
      {because && (
        <p class="cause-line">
          {words.ui.cause}{words.colon}<button class="small" title={words.ui.jump(because.n)} onClick={() => moveToRecord(because.n)}>#{because.n} {shortOf(because)}</button>
        </p>
      )}
      <dl class="facts">
        {e.facts.map((f) => <div key={f.label}><dt>{f.label}</dt><dd>{f.value}</dd></div>)}
        {((e.governs.calls?.length ?? 0) > 0 || (e.governs.sysctl?.length ?? 0) > 0) && (
          <div>
            <dt>{words.why.governed}</dt>
            <dd>
              {e.governs.calls?.map((c) => <code key={c}>{c}</code>)}
              {e.governs.sysctl?.map((s) => (
                <code key={s}>{s}{Object.hasOwn(sysctl, s) && <b> = {show(sysctl[s], 40)}</b>}</code>
              ))}
            </dd>
          </div>
        )}
        {e.governs.rfc.length > 0 && (
          <div><dt>RFC 9293</dt><dd>{e.governs.rfc.map((s) => `§${s}`).join(', ')}</dd></div>
        )}
      </dl>
    </>
  );
}
