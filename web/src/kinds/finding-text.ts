// What a finding says in a language that has words of its own for it; else as the trace says it.

import { known, type Dictionary } from '../i18n';
import type { Found } from '../i18n/types';
import type { FindingRec } from '../trace/records';
import { count, owner, show, span } from '../text';

/** Whom it is about. */
export function whereOf(rec: FindingRec): string | undefined {
  if (rec.listener !== undefined) return `L${rec.listener}`;
  if (rec.owner?.pid !== undefined) return owner(rec.owner);
  if (rec.peer === undefined) return undefined;
  const host = show(rec.peer, 48);
  return rec.port === undefined ? host : `${host.includes(':') ? `[${host}]` : host}:${rec.port}`;
}

/** Of the data segments, in percent. */
function shareOf(rec: FindingRec): string | undefined {
  const of = Number(rec.evidence?.segments);
  return of > 0 ? `${(Math.floor(Number(rec.count) * 1000 / of) / 10).toFixed(1)} %` : undefined;
}

function valueOf(d: Dictionary, rec: FindingRec, name: string): string | undefined {
  if (name === 'where') return whereOf(rec) ?? d.answers.others;
  if (name === 'share') return shareOf(rec);
  if (name === 'cause') return rec.cause === undefined ? undefined : known(d.causes, rec.cause) ?? show(rec.cause, 32);
  const v = name === 'count' ? rec.count : rec.evidence && Object.hasOwn(rec.evidence, name) ? rec.evidence[name] : undefined;
  return v === undefined ? undefined : name.endsWith('_ns') ? span(v) : count(v);
}

/** Undefined: nothing fills a hole of it, or something fills one that must stay empty. */
function filled(d: Dictionary, rec: FindingRec, sysctl: Record<string, unknown>, template: string): string | undefined {
  let whole = true;
  const text = template.replace(/\{([?!]?)([a-z0-9_.]+)\}/g, (_, mark: string, name: string) => {
    if (mark === '?') return Object.hasOwn(sysctl, name) ? ` (${show(sysctl[name], 32)})` : '';
    const v = valueOf(d, rec, name);
    whole &&= (v === undefined) === (mark === '!');
    return mark === '!' ? '' : v ?? '';
  });
  return whole ? text : undefined;
}

export interface FindingText { name: string; text: string; remedy: string[] }

/** sysctl: the header's. */
export function findingText(d: Dictionary, rec: FindingRec, sysctl: Record<string, unknown> = {}): FindingText {
  const words = known(d.findings as Record<string, Found>, rec.kind);
  const fill = (templates: readonly string[]) =>
    templates.map((s) => filled(d, rec, sysctl, s)).filter((s) => s !== undefined);
  return {
    name: words?.name ?? show(rec.kind, 32),
    text: (words?.text && fill(words.text).join('')) || show(rec.text ?? rec.kind, 400),
    remedy: words?.remedy ? fill((rec.cause !== undefined && words.by && known(words.by as Record<string, readonly string[]>, rec.cause)) || words.remedy) : (rec.remedy ?? []).slice(0, 8).map((r) => show(r, 200)),
  };
}
