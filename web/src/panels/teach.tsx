// What a teacher uses: the switch that hides what comes, the question, slides, the tour, and ways to take a picture along.

import { useState } from 'preact/hooks';
import { conn, d, hiding, trace } from '../state/app';
import { looked } from '../state/hash';
import { markList } from '../state/marks';
import { answer, answered, asking, forgetAnswers, fullScreen, question, reveal, score, showSlide, showTour, slide, touring } from '../state/teach';
import { count, show } from '../text';
import { explain, shortOf } from '../kinds';
import { around } from '../trace/model';
import { savePng, saveSvg } from '../export';
import { Icon, StateName } from './parts';

export function Teaching() {
  const words = d.value.teach;
  return (
    <>
      <button id="hide" aria-pressed={hiding.value} title={words.hideHint} onClick={() => { hiding.value = !hiding.value; forgetAnswers(); }}>{words.hide}</button>
      <label class="check ask" title={words.ask}><input id="ask" type="checkbox" aria-label={words.ask} disabled={!hiding.value} checked={hiding.value && asking.value} onChange={(e) => { asking.value = e.currentTarget.checked; forgetAnswers(); }} /> {words.askShort}</label>
      <Share />
    </>
  );
}

function Share() {
  const words = d.value;
  const [open, setOpen] = useState(false);
  const close = () => { setOpen(false); setLink(undefined); };
  const item = (id: string, label: string, act: () => void) => <button id={id} onClick={() => { setOpen(false); act(); }}>{label}</button>;
  const [link, setLink] = useState<{ refused: string | undefined }>();
  const copy = async () => {
    const text = `${location.href.split('#')[0]}#${looked(true)}`;
    // A page from a file or over plain HTTP may be refused the clipboard: then the link is there to be copied by hand.
    const refused = await (async () => navigator.clipboard.writeText(text))().then(() => undefined, () => text);
    setLink({ refused });
  };
  return (
    <div class="menu" onKeyDown={(e) => { if (e.key === 'Escape' && open) { close(); e.stopPropagation(); } }}>
      <button id="share" aria-expanded={open} aria-controls="share-menu" onClick={() => (open ? close() : setOpen(true))}>{words.view.more} ▾</button>
      <div id="share-menu" class="menu-list" hidden={!open} role="group" aria-label={words.view.more}>
        {item('full-screen', words.view.fullScreen, fullScreen)}
        <button id="slides" disabled={markList.value.length === 0} title={markList.value.length === 0 ? words.teach.slidesHint : undefined} onClick={() => { setOpen(false); showSlide(0); }}>{words.teach.slides}{markList.value.length === 0 && <small> {words.teach.slidesHint}</small>}</button>
        <button id="copy-link" onClick={() => void copy()}>{words.view.copyLink}</button>
        {link && <p id="copied-link" role="status">{link.refused === undefined ? words.ui.copied : words.view.copyRefused}</p>}
        {link?.refused !== undefined && <input type="text" id="link" readOnly value={link.refused} aria-label={words.view.copyLink} ref={(e) => { e?.select(); }} />}
        {item('print', words.view.print, () => print())}
        {(['ladder', 'machine'] as const).map((what) => (
          <span key={what} class="pair">
            <span>{words.ui[what]}</span>
            {item(`${what}-svg`, words.view.svg, () => saveSvg(what))}
            {item(`${what}-png`, words.view.png, () => void savePng(what))}
          </span>
        ))}
      </div>
    </div>
  );
}

/** Below everything, large enough for the last row of a room. */
export function Teacher() {
  const q = question.value;
  if (touring.value !== undefined) return <Tour at={touring.value} />;
  if (slide.value !== undefined) return <Slide at={slide.value} />;
  if (q || (hiding.value && asking.value)) return <Question />;
  return null;
}

function Question() {
  const words = d.value.teach;
  const q = question.value;
  const last = answered.value;
  const { right, of } = score.value;
  return (
    <aside class="teacher" aria-label={words.title} aria-live="polite">
      {q ? (
        <>
          <p>{words.which(d.value.end[q.rec.end].start, q.rec.from)}</p>
          <p class="choices">
            {q.choices.map((s) => <button key={s} onClick={() => answer(s)}><StateName state={s} title="" /></button>)}
            <button class="bare" onClick={reveal}>{words.reveal}</button>
          </p>
        </>
      ) : last ? <Reason of={last} /> : <p>{words.hidden}</p>}
      {of > 0 && <p class="score">{words.score(right, of)}</p>}
    </aside>
  );
}

/** What came, and why: who was wrong wants to know, and who was right may have guessed. */
function Reason({ of: { rec, choice } }: { of: NonNullable<typeof answered.value> }) {
  const words = d.value.teach;
  const e = explain(d.value, around(trace.value!, conn.value), rec);
  return <div class="reason"><p>{choice === rec.to ? words.right : words.wrong(rec.to)}</p><p>{e.what}{d.value.gap()}{e.why}</p></div>;
}

function Bar({ title, text, next, previous, close }: { title: string; text: string; next: (() => void) | undefined; previous: (() => void) | undefined; close: () => void }) {
  const words = d.value;
  return (
    <aside class="teacher" aria-label={title} aria-live="polite">
      <p class="slide-text">{text}</p>
      <p class="choices">
        <button disabled={!previous} onClick={previous}>{words.teach.previous}</button>
        <button class="primary" disabled={!next} onClick={next}>{words.teach.next}</button>
        <span class="muted">{title}</span>
        <button class="square" aria-label={words.ui.close} onClick={close}><Icon name="close" /></button>
      </p>
    </aside>
  );
}

function Slide({ at }: { at: number }) {
  const list = markList.value;
  const [n, note] = list[at] ?? [-1, ''];
  const rec = trace.value?.byN(n);
  const step = (by: number) => (at + by >= 0 && at + by < list.length ? () => showSlide(at + by) : undefined);
  return <Bar title={d.value.teach.slide(at + 1, list.length)} text={note === '' ? `#${count(n)} ${rec ? shortOf(rec) : ''}` : show(note, 600)} next={step(1)} previous={step(-1)} close={() => showSlide(undefined)} />;
}

function Tour({ at }: { at: number }) {
  const { tourSteps, slide: place } = d.value.teach;
  const step = (by: number) => (at + by >= 0 && at + by < tourSteps.length ? () => showTour(at + by) : undefined);
  return <Bar title={place(at + 1, tourSteps.length)} text={tourSteps[at]!} next={step(1)} previous={step(-1)} close={() => showTour(undefined)} />;
}
