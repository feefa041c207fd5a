// What is printed: the whole connection on paper, not what fits on the screen. Light, whatever the page's theme is.

import { Fragment, render } from 'preact';
import { conn, currentRow, d, hiding, ladder, loadedName, told, trace } from '../state/app';
import { moveToRecord } from '../state/cursor';
import { markList, marks } from '../state/marks';
import { ended } from '../state/teach';
import { kindOf, shortOf } from '../kinds';
import { headline } from '../kinds/outcome';
import { around, stateAt } from '../trace/model';
import { ENDS } from '../trace/records';
import { address, nameOfConn, count, show, span } from '../text';
import { Figure } from './machine';
import { Legend } from './summary';
import { Findings } from './findings';

/** Rows on paper: forty pages. */
const ROWS = 1500;

function Paper() {
  const words = d.value;
  const c = conn.value;
  const rows = ladder.value;
  if (!c || !rows) return <Findings />;
  const last = hiding.value ? currentRow.value?.index ?? 0 : rows.events.length - 1;
  const events = rows.events.slice(0, Math.min(last + 1, ROWS));
  const scene = { d: words, around: around(trace.value!, c), go: moveToRecord, short: shortOf, selected: false };
  return (
    <>
      <h1>tcplens · {show(loadedName.value, 60)} · #{nameOfConn(c)}</h1>
      <p>{address(c.rec.client)} → {address(c.rec.server)}</p>
      <p><b>{ended.value && c.outcome ? headline(words, c.outcome) : ''}</b></p>
      <Figure of="paper" />
      <Legend />
      <table>
        <thead><tr><th>{words.ui.time}</th><th>{words.label.client}</th><th /><th>{words.label.server}</th></tr></thead>
        <tbody>
          {events.map((row, i) => {
            const before = events[i - 1]?.rec;
            const gap = before && row.rec.record !== 'outcome' ? row.rec.t - before.t : 0;
            const states = ENDS.map((e) => stateAt(c, e, row.rec).state);
            const same = before && ENDS.every((e, k) => stateAt(c, e, before).state === states[k]);
            return (
              <Fragment key={row.rec.n}>
                {gap >= 200e6 && <tr class="paper-idle"><td /><td /><td>{words.ui.idle(span(gap))}</td><td /></tr>}
                <tr>
                  <td>{told(row.rec.t, before?.t)}{marks.value.has(row.rec.n) && <><br />⚑ {row.rec.n}</>}</td>
                  <td>{same ? '' : states[0]}</td>
                  <td class="paper-what" style={{ height: `${row.h}px` }}><div class="what">{kindOf(row.rec).row({ ...scene, end: row.end }, row.rec)}</div></td>
                  <td>{same ? '' : states[1]}</td>
                </tr>
              </Fragment>
            );
          })}
        </tbody>
      </table>
      {last + 1 > ROWS && <p>… {count(last + 1 - ROWS)}</p>}
      {markList.value.length > 0 && <h2>{words.ui.marks(markList.value.length)}</h2>}
      <ol>{markList.value.map(([n, note]) => <li key={n} value={n}>{note === '' ? '' : show(note, 4000)}</li>)}</ol>
    </>
  );
}

export function startPrinting(): void {
  const paper = document.createElement('div');
  paper.id = 'paper';
  let theme: string | undefined;
  addEventListener('beforeprint', () => {
    if (!trace.value) return;
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = 'light';
    document.body.append(paper);
    render(<Paper />, paper);
  });
  addEventListener('afterprint', () => {
    render(null, paper);
    paper.remove();
    if (theme !== undefined) document.documentElement.dataset.theme = theme;
    theme = undefined;
  });
}
