// One end changed state.

import { Glyph } from '../glyph';
import { known as wordOf, who, type Dictionary, type Told } from '../i18n';
import { groupOf } from '../trace/describe';
import type { Rec, StateRec } from '../trace/records';
import { GIVES_UP, GOVERNS, moveOf, type Move } from '../trace/transitions';
import { owner, show } from '../text';
import { entered, opposite, sent } from './earlier';
import { nameOf, tell, type Around, type KindOf } from './kind';

/** Was it a RST that moved the end? */
function byReset(around: Around, rec: StateRec): boolean {
  const cause = around.byN(rec.because);
  return rec.to === 'CLOSED' && ((cause?.record === 'segment' && cause.flags.includes('RST')) || cause?.record === 'reset');
}

/** Nobody answered, which for one that opens has words of its own. */
const gaveUp = (rec: StateRec) => rec.to === 'CLOSED' && rec.from !== 'SYN-SENT' && rec.error === 'ETIMEDOUT';

/** What is said of a change depends on who told it, and on what came before: a sample may pass over states, an end that
 * closes may be the second. */
function told(d: Dictionary, around: Around, rec: StateRec, move: Move | undefined): Told {
  const { why } = d;
  const other = opposite(rec.end);
  if (rec.how === 'corrected') return why.corrected;
  if (byReset(around, rec)) {
    if (rec.from === 'SYN-SENT') return why.refusedMove;
    return rec.end === 'server' && sent(around, rec, other, 'SYN') && !sent(around, rec, rec.end, 'SYN') ? why.refusingMove : why.resetMove;
  }
  if (rec.from === 'UNKNOWN' && !['SYN-SENT', 'SYN-RECEIVED'].includes(rec.to)) return why.firstSeen;
  const known = rec.from === 'UNKNOWN' ? (rec.to === 'SYN-SENT' ? 'CLOSED>SYN-SENT' : 'LISTEN>SYN-RECEIVED') : move;
  if (rec.how === 'sampled' && (rec.rfc === undefined || !known)) return why.sampledMove;
  if (!known) return why.otherMove;
  if (gaveUp(rec)) return why.gaveUp;
  const cause = around.byN(rec.because);
  if (known === 'FIN-WAIT-1>FIN-WAIT-2' && cause?.record === 'segment' && cause.flags.includes('FIN')) return why.finAcksFin;
  if (known.endsWith('FIN-WAIT-1') && entered(around, rec, other, 'FIN-WAIT-1')) return why.closesToo;
  if (known === 'CLOSE-WAIT>CLOSED' && sent(around, rec, rec.end, 'FIN')) return why.sampledMove;
  if (known === 'SYN-RECEIVED>ESTABLISHED' && rec.end === 'client') return why.openedBoth;
  return why.moves[known];
}

export const state: KindOf<StateRec> = {
  height: 34,
  short: (rec) => `${rec.from} → ${rec.to}`,
  explain(d, around, rec, e) {
    const f = d.why.fields;
    const move = moveOf(rec.from, rec.to);
    e.title = `${d.label[rec.end]}${d.colon}${rec.from} → ${rec.to}`;
    tell(e, told(d, around, rec, move), who(d, rec.end));
    if (byReset(around, rec)) e.governs = { rfc: ['3.5.2', '3.5.3'] };
    else if (gaveUp(rec)) e.governs = GIVES_UP;
    else if (move && rec.how !== 'corrected') e.governs = GOVERNS[move];
    e.facts.push({ label: d.why.rfcEdge, value: rec.rfc === undefined ? d.ui.noEdge : show(rec.rfc) });
    e.facts.push({ label: f.how, value: `${d.how[rec.how]}, ${d.source[rec.source]}` });
    if (rec.how === 'sampled') e.more.push(d.why.sampled);
    if (rec.how === 'assumed') e.more.push(d.why.assumed);
    if (rec.error !== undefined) e.more.push(`${show(rec.error, 20)}${d.colon}${wordOf(d.why.errno, rec.error) ?? d.why.socketError}`);
    if (rec.how === 'predicted') e.more.push(d.why.predicted);
    if (rec.call !== undefined) e.facts.push({ label: nameOf(d, 'call'), value: `${show(rec.call, 24)}()` });
    if (rec.kernel?.state !== undefined) {
      const where = rec.kernel.object === undefined ? '' : ` (${show(rec.kernel.object, 16)})`;
      e.facts.push({ label: f.kernel, value: show(rec.kernel.state, 24) + where });
    }
    if (rec.owner) e.facts.push({ label: f.owner, value: owner(rec.owner) });
  },
  row({ d, around, selected, go, short }, rec) {
    const words = d;
    const cause: Rec | undefined = around.byN(rec.because);
    const inferred = rec.how === 'inferred' || rec.how === 'assumed';
    return (
      <div class={`chip change ${rec.end} s-${groupOf(rec.to)} ${inferred ? 'inferred' : rec.how === 'sampled' ? 'sampled' : ''}`}>
        <span class="sr">{words.end[rec.end].start}{words.colon}</span>
        {rec.how === 'sampled' && <span title={words.how.sampled}>≈</span>}
        <span class="move"><Glyph group={groupOf(rec.to)} /> {rec.from} → <b>{rec.to}</b></span>
        {cause
          ? <button
              class="cause-link" tabIndex={selected ? 0 : -1} title={words.ui.causeOf(`${short(cause)} #${cause.n}`)}
              onClick={(e) => { e.stopPropagation(); go(cause.n); }}
            ><span aria-hidden="true">↰ </span>{short(cause)}</button>
          : rec.call !== undefined ? <code class="muted">{show(rec.call, 24)}()</code>
            : rec.rfc !== undefined && <span class="muted rfc">{show(rec.rfc.split(' / ')[0], 24)}</span>}
      </div>
    );
  },
};
