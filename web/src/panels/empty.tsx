// The page before a trace is open.

import { d } from '../state/app';
import { openSample } from '../state/open';
import { hasEngine } from '../engine/state';
import { tour } from '../state/teach';
import { pick } from './bar';
import { Refused } from './notices';
import { Copy } from './parts';

const COMMAND = 'sudo tcplens trace --netns new --output trace.ndjson -- COMMAND';

export function Empty() {
  const ui = d.value.ui;
  return (
    <main class="empty">
      <Refused />
      <div class="card">
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
