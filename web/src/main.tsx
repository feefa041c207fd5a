import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { openServed } from './engine/served';
import { loadTexts } from './i18n/packed';
import { startLab } from './lab/state';
import { App } from './panels/app';
import { source, theme } from './state/app';
import { startPlayer } from './state/cursor';
import { awaited, keepHash, readHash } from './state/hash';
import { startKeys } from './state/keys';
import { startPrinting } from './panels/print';
import { startTeaching, startTour } from './state/teach';
import { openFile, openLive, openSample } from './state/open';
import { openEmbedded } from './state/report';
import { work } from './trace/worker';
import { warnOfLoss } from './state/marks';

async function page(): Promise<void> {
  await loadTexts();
  openEmbedded(openFile, readHash);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const system = signal(dark.matches);
  dark.addEventListener('change', (e) => { system.value = e.matches; });
  effect(() => {
    const wish = theme.value === 'auto' ? (system.value ? 'dark' : 'light') : theme.value;
    document.documentElement.dataset.theme = wish;
  });
  keepHash();
  startKeys();
  startPlayer();
  startTeaching();
  startPrinting();
  startTour();
  startLab();
  warnOfLoss();
  // A link into the sample needs no file to be looked for.
  if (!openServed() && !openLive() && awaited.value?.sample && source.value.kind === 'nothing') openSample();
  render(<App />, document.getElementById('app')!);
}

if (typeof document === 'undefined') work();
else void page();
