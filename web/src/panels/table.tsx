// All connections as a table: figures, the states at the end, and why. Only rows in sight are in the document.

import { useEffect } from 'preact/hooks';
import { cursor, d, filterText, hiding, reversed, revision, selected, sort, trace, visible, type Sort } from '../state/app';
import { showConn } from '../state/cursor';
import { LAST, stateNow, type Conn } from '../trace/model';
import { factsOf } from '../trace/problems';
import { ENDS } from '../trace/records';
import { address, bytes, clock, count, nameOfConn, span } from '../text';
import { groupOf } from '../trace/describe';
import { Glyph } from '../glyph';
import { outcomeWords } from '../kinds/outcome';
import { Filter, NoMatch } from './filter';
import { Address, useViewport } from './parts';

const ROW = 30;
const COLUMNS: Sort[] = ['client', 'server', 'start', 'duration', 'bytes', 'rtt', 'retrans', 'state', 'cause', 'problems'];
const FIGURES = new Set<Sort>(['start', 'duration', 'bytes', 'rtt', 'retrans']);

export function Table() {
  const { ref, view } = useViewport<HTMLDivElement>();
  void revision.value;
  const words = d.value;
  const all = visible.value;
  const total = trace.value?.all.length ?? 0;
  // Another order, another filter: what comes first is what was asked for.
  useEffect(() => { if (ref.current) ref.current.scrollTop = 0; }, [sort.value, reversed.value, filterText.value]);
  const first = Math.max(0, Math.floor(view.top / ROW) - 4);
  const rows = all.slice(first, Math.ceil((view.top + view.height) / ROW) + 4);
  return (
    <section class="panel table" aria-labelledby="table-title">
      <h2 id="table-title"><span>{words.ui.connections} <small>{words.ui.shown(count(all.length), count(total))}</small></span> <Filter /></h2>
      <div class="table-scroll" ref={ref} role="table" tabIndex={0} aria-labelledby="table-title" aria-rowcount={all.length + 1} aria-colcount={COLUMNS.length + 1}>
        <div role="rowgroup" class="table-head"><div role="row" aria-rowindex={1} class="table-row">
          <span role="columnheader" class="figure">{words.answers.columns.n}</span>
          {COLUMNS.map((c) => <Column key={c} name={c} />)}
        </div></div>
        <NoMatch />
        <div role="rowgroup" style={{ height: `${all.length * ROW}px`, position: 'relative' }}>
          {rows.map((c, i) => <Row key={c.id} conn={c} index={first + i} />)}
        </div>
      </div>
    </section>
  );
}

function Column({ name }: { name: Sort }) {
  const words = d.value;
  const on = sort.value === name;
  // The earliest and the smallest name come first, of figures the largest.
  const ascending = (name === 'start' || !FIGURES.has(name)) !== reversed.value;
  const turn = () => {
    reversed.value = on && !reversed.value;
    sort.value = name;
  };
  return (
    <span role="columnheader" class={FIGURES.has(name) ? 'figure' : ''} aria-sort={on ? (ascending && name !== 'problems' ? 'ascending' : 'descending') : 'none'}>
      <button class="bare" title={words.ui.sorts[name]} onClick={turn}>{words.answers.columns[name]}{on && <span aria-hidden="true"> {ascending && name !== 'problems' ? '▲' : '▼'}</span>}</button>
    </span>
  );
}

function Row({ conn: c, index }: { conn: Conn; index: number }) {
  const words = d.value;
  void revision.value; // the connection grows in place
  const at = hiding.value ? cursor.value : LAST;
  const hidden = hiding.value;
  const facts = hidden ? [] : factsOf(c.troubles);
  const told = outcomeWords(words, c, hidden);
  return (
    <div
      role="row" aria-rowindex={index + 2} id={`row-of-${c.id}`} class={`table-row ${c.id === selected.value ? 'on' : ''}`}
      style={{ top: `${index * ROW}px`, height: `${ROW}px` }} onClick={() => showConn(c.id)}
    >
      <span role="cell" class="figure"><button class="bare" onClick={() => showConn(c.id)}>{nameOfConn(c)}</button></span>
      <span role="cell"><Address of={c.rec.client} /></span>
      <span role="cell"><Address of={c.rec.server} /></span>
      <span role="cell" class="figure">{clock(c.rec.t)}</span>
      <span role="cell" class="figure">{hidden ? '' : span(c.until - c.rec.t)}</span>
      <span role="cell" class="figure">{hidden || c.verdict === undefined ? '' : bytes(c.bytes)}</span>
      <span role="cell" class="figure">{c.rtt === undefined || hidden ? '' : span(c.rtt)}</span>
      <span role="cell" class="figure">{hidden || c.again === 0 ? '' : count(c.again)}</span>
      <span role="cell" class="finals" title={words.answers.finalStates}>
        {c.udp ? 'UDP' : ENDS.map((e) => {
          const s = stateNow(c, e, at);
          return <span key={e}><Glyph group={groupOf(s)} /> {s}</span>;
        })}
      </span>
      <span role="cell" class={`verdict v-${told.tone}`} title={`${told.verdict}${told.cause ? ` · ${told.cause}` : ''}`}>{told.verdict}{told.cause && ` · ${told.cause}`}</span>
      <span role="cell">{facts.length > 0 && <span class="badge" title={`${facts.map((f) => words.answers.problems[f]).join(', ')} · ${address(c.rec.client)}`}>⚠ {facts.length}</span>}</span>
    </div>
  );
}
