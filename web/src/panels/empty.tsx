// The page before a trace is open.

import { d } from '../state/app';
import { openSample } from '../state/open';
import { hasEngine } from '../engine/state';
import { awaited } from '../state/hash';
import { tour } from '../state/teach';
import { show } from '../text';
import { pick } from './bar';
import { Refused } from './notices';
import { Copy } from './parts';

const COMMAND = 'sudo tcplens trace --netns new --output trace.ndjson -- COMMAND';

/** A link leads into a file that only the reader can give. */
function Awaited() {
  const ui = d.value.ui;
  if (!awaited.value) return null;
  const file = show(awaited.value.file, 80);
  return (
    <div class="awaited" role="status">
      <p>{ui.leadsInto(file)}</p>
      <button class="primary" id="awaited" onClick={pick}>{ui.openIt(file)}</button>
    </div>
  );
}

export function Empty() {
  const ui = d.value.ui;
  return (
    <main class="empty">
      <Refused />
      <div class="card">
        <Awaited />
        <h2>{ui.emptyTitle}</h2>
        <p class="lead">{ui.emptyLead}</p>
        <div class="actions">
          <button class="primary" onClick={pick}>{ui.open}</button>
          <button onClick={openSample}>{ui.sample}</button>
          <button id="tour" onClick={() => { openSample(); tour.value = 0; }}>{d.value.teach.tour}</button>
        </div>
        <p class="muted">{hasEngine() ? d.value.capture.orDrop : ui.orDrop}</p>
        <p>{ui.trySample}</p>
        <h3>{ui.recordYours}</h3>
        <p class="command"><code id="command">{COMMAND}</code> <Copy text={COMMAND} /></p>
        <p class="muted">{ui.recordHint}</p>
        <p class="private">{ui.nothingLeaves}</p>
      </div>
    </main>
  );
}
