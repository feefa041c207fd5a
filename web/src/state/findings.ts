// The findings of the trace, the worst first.

import { computed } from '@preact/signals';
import type { FindingRec } from '../trace/records';
import { SEVERITIES, type Severity } from '../trace/words';
import { revision, trace } from './app';

const rank = (f: FindingRec): number => {
  const at = SEVERITIES.indexOf(f.severity as Severity);
  return at < 0 ? SEVERITIES.length : at;
};

export const findingList = computed<readonly FindingRec[]>(() => {
  void revision.value;
  return [...trace.value?.findings.values() ?? []].sort((a, b) => rank(a) - rank(b) || (b.count ?? 0) - (a.count ?? 0));
});

/** More than worth knowing. */
export const wrongs = computed(() => findingList.value.filter((f) => f.severity !== 'note').length);
