// The list of connections: who with whom, both ends' states at the cursor, and what became of it.
// Only rows in sight are in the document.

import { useEffect } from 'preact/hooks';
import { chosen, cursor, d, hiding, revision, selected, sort, SORTS, tab, touched, trace, visible, type Sort } from '../state/app';
import { select } from '../state/cursor';
import { stateAt, type Conn } from '../trace/model';
import { ENDS } from '../trace/records';
import { address, count, nameOfConn } from '../text';
import { Filter, NoMatch } from './filter';
import { factsOf } from '../trace/problems';
import { Address, StateName, useViewport } from './parts';
import { outcomeWords } from '../kinds/outcome';

const ROW = 62;

export function List() {
  const { ref, view } = useViewport<HTMLDivElement>();
  const words = d.value;
  const all = visible.value;
  const row = chosen.value;
  void revision.value;

  useEffect(() => {
    const el = ref.current;
    if (!el || row < 0) return;
    const top = row * ROW;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + ROW > el.scrollTop + el.clientHeight) el.scrollTop = top + ROW - el.clientHeight;
  }, [row]);

  // Another order: its first is what was asked for, not what is selected.
  useEffect(() => { if (ref.current) ref.current.scrollTop = 0; }, [sort.value]);

  const first = Math.max(0, Math.floor(view.top / ROW) - 4);
  const rows = all.slice(first, Math.ceil((view.top + view.height) / ROW) + 4);
  const total = trace.value?.all.length ?? 0;
  return (
    <section class="panel list" aria-labelledby="list-title">
      <h2 id="list-title">{words.ui.connections} <small>{words.ui.shown(count(all.length), count(total))}</small> <SortBy /></h2>
      <Filter />
      <div
        class="list-scroll" ref={ref} tabIndex={0} role={all.length > 0 ? 'listbox' : undefined} hidden={all.length === 0} aria-label={words.ui.connections}
        aria-activedescendant={rows.some((c) => c.id === selected.value) ? `conn-${selected.value}` : undefined}
      >
        {all.length > 0 && <div role="presentation" style={{ height: `${all.length * ROW}px`, position: 'relative' }}>
              {rows.map((c, i) => <Row key={c.id} conn={c} index={first + i} total={all.length} />)}
            </div>}
      </div>
      <NoMatch />
    </section>
  );
}

function SortBy() {
  const ui = d.value.ui;
  return (
    <select class="sort" aria-label={ui.sortBy} title={ui.sortBy} value={sort.value} onChange={(e) => { sort.value = e.currentTarget.value as Sort; }}>
      {SORTS.map((s) => <option key={s} value={s}>{ui.sorts[s]}</option>)}
    </select>
  );
}

function Row({ conn: c, index, total }: { conn: Conn; index: number; total: number }) {
  const words = d.value;
  void revision.value; // the connection grows in place
  const on = c.id === selected.value;
  const at = cursor.value;
  const told = outcomeWords(words, c, hiding.value);
  const facts = hiding.value ? [] : factsOf(c.troubles);
  return (
    <div
      id={`conn-${c.id}`} role="option" aria-selected={on} aria-posinset={index + 1} aria-setsize={total}
      class={`conn ${on ? 'on' : ''}`} style={{ top: `${index * ROW}px`, height: `${ROW}px` }} onClick={() => { touched.value = true; select(c.id); tab.value = 'ladder'; }}
    >
      <div class="line">
        <span class="num">{nameOfConn(c)}</span>
        <span class="ends-text" title={`${address(c.rec.client)} → ${address(c.rec.server)}`}>
          <Address of={c.rec.client} title="" narrow /><span class="muted"> → </span>{c.rec.client.addr === c.rec.server.addr ? <span>:{c.rec.server.port}</span> : <Address of={c.rec.server} title="" narrow />}
        </span>
      </div>
      <div class="line states">
        {c.udp ? 'UDP' : ENDS.map((end) => {
          const now = stateAt(c, end, at);
          return (
            <span key={end} class="end-state">
              <span class="who-letter" aria-hidden="true">{end === 'client' ? 'C' : 'S'}</span><span class="sr">{words.end[end].mid} </span>
              {now.began ? <StateName state={now.state} /> : <span class="muted">{words.ui.notYet}</span>}
            </span>
          );
        })}
      </div>
      <div class={`line verdict v-${told.tone}`}><span class="told">{told.verdict}{told.cause && ` · ${told.cause}`}</span>{facts.length > 0 && <span class="badge" title={facts.map((f) => words.answers.problems[f]).join(', ')}>⚠ {facts.length}</span>}</div>
    </div>
  );
}
