// The one script of the built page that is not packed: it unpacks the page's own script and lets it run. The policy names the
// hash of both, so nothing else that might stand in the element would run.

import { unpack } from './unpack';

interface Policies { createPolicy(name: string, rules: { createScript(text: string): string }): { createScript(text: string): string } }
const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;

async function start(): Promise<void> {
  const code = await unpack(document.getElementById('code')!);
  const script = document.createElement('script');
  script.textContent = policies ? policies.createPolicy('tcplens-start', { createScript: () => code }).createScript(code) : code;
  document.body.append(script);
  // It has run; what is saved of this page has it packed.
  script.remove();
}

start().catch((e: unknown) => {
  const told = document.createElement('p');
  told.textContent = `tcplens could not start: it needs Chromium 110, Firefox 115 or later. tcplens 无法启动：需要 Chromium 110、Firefox 115 或更新的浏览器。 (${String(e)})`;
  document.getElementById('app')!.replaceChildren(told);
});
