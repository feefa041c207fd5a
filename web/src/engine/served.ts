// The files that `tcplens view` hands out.

import { source } from '../state/app';
import { given, openGiven } from '../state/open';

/** Gets them, if this page came with some, and opens the first as soon as it is there. */
export function openServed(): boolean {
  const asked = new URLSearchParams(location.search);
  const token = asked.get('token');
  if (!/^https?:$/.test(location.protocol) || !token || !asked.has('files')) return false;
  const get = async (path: string) => {
    const answer = await fetch(`${path}token=${encodeURIComponent(token)}`);
    if (!answer.ok) throw new Error((await answer.text()).trim());
    return answer;
  };
  const fetchAll = async () => {
    const names = await (await get('/files?')).json() as string[];
    for (const [n, name] of names.entries()) {
      const file = new File([await (await get(`/file?n=${n}&`)).blob()], name);
      given.value = [...given.value, file];
      if (n === 0) openGiven(0);
    }
  };
  fetchAll().catch((e: unknown) => {
    const message = e instanceof Error ? e.message : String(e);
    source.value = { kind: 'refused', name: location.host, why: { kind: 'unreadable', message } };
  });
  return true;
}
