// The kinds of records that the page has words and pictures for, a row each.

import type { Dictionary } from '../i18n';
import type { Problem } from '../trace/problems';
import type { Rec } from '../trace/records';
import type { Kind } from '../trace/words';
import { clock, show } from '../text';
import { header } from './header';
import { connection } from './connection';
import { state } from './state';
import { object } from './object';
import { segment } from './segment';
import { call } from './call';
import { listener } from './listener';
import { queue } from './queue';
import { timer } from './timer';
import { icmp } from './icmp';
import { reset } from './reset';
import { disagreement } from './disagreement';
import { gap } from './gap';
import { outcome } from './outcome';
import { end } from './end';
import { finding } from './finding';
import { arrival } from './arrival';
import { lab } from './lab';
import { answer } from './answer';
import { check } from './check';
import { process } from './process';
import { counter } from './counter';
import { datagram } from './datagram';
import { generic } from './generic';
import { fact, type Around, type Explanation, type KindOf } from './kind';

const KINDS: { [K in Kind]?: KindOf<Extract<Rec, { record: K }>> } = {
  header, connection, state, object, segment, call, listener, queue, timer,
  icmp, datagram, reset, disagreement, gap, outcome, finding, arrival, lab, answer, check, end, process, counter,
};

/** The row of the registry, or what stands in for one. */
export const kindOf = (rec: Rec): KindOf<Rec> => (KINDS[rec.record] ?? generic) as KindOf<Rec>;

export const problemOf = (rec: Rec): Problem | undefined => kindOf(rec).problem?.(rec);
export const isProblem = (rec: Rec): boolean => problemOf(rec) !== undefined;

/** A few characters that name a record as the cause of another. */
export const shortOf = (rec: Rec): string => kindOf(rec).short?.(rec) ?? rec.record;

export function explain(d: Dictionary, around: Around, rec: Rec): Explanation {
  const e: Explanation = { title: '', what: '', why: '', more: [], facts: [], governs: { rfc: [] } };
  kindOf(rec).explain(d, around, rec, e);
  fact(e, d.why.fields.at, rec.at === undefined ? `${clock(rec.t)} s` : show(rec.at));
  fact(e, d.why.fields.record, `#${rec.n}`);
  return e;
}
