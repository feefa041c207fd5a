// The page: which panels there are and where they stand.

import { around } from '../trace/model';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { conn, currentRec, d, grown, lang, loadedName, loading, maximised, queuesOpen, tab, trace, view, visible, type Tab } from '../state/app';
import { CaptureBar } from '../engine/panel';
import { hasEngine } from '../engine/state';
import { second } from '../state/beside';
import { openFiles } from '../state/open';
import { sizes } from '../state/sizes';
import { clock, show } from '../text';
import { LabGuide } from '../lab/panel';
import { guide, lab, sealed } from '../lab/state';
import { Controls, FileInput, TopBar } from './bar';
import { Beside } from './beside';
import { Empty } from './empty';
import { Findings } from './findings';
import { explain } from '../kinds';
import { nameOf } from '../kinds/kind';
import { Help } from './help';
import { Ladder } from './ladder';
import { List } from './list';
import { Machine } from './machine';
import { Loading, Notices } from './notices';
import { Guard } from './parts';
import { Overview } from './overview';
import { graphing } from './graph';
import { Queues } from './queues';
import { Splitter } from './splitter';
import { Table } from './table';
import { Teacher } from './teach';
import { Announce, Summary } from './summary';
import { Why } from './why';

export function App() {
  const t = trace.value;
  const name = t && (loadedName.value ?? '');
  useEffect(() => { document.documentElement.lang = d.value.tag; }, [lang.value]);
  const title = guide.value?.title ?? name;
  useEffect(() => { document.title = title ? `${show(title, 60)} – tcplens` : 'tcplens'; }, [title]);
  return (
    <>
      <FileInput />
      <TopBar />
      <CaptureBar />
      <Loading />
      <Notices />
      {t ? sealed.value ? <Sealed /> : view.value === 'answers' ? <Answers /> : <Panels /> : !loading.value && <Empty />}
      {t && !sealed.value && <Teacher />}
      <Help />
      <DropTarget />
    </>
  );
}

/** A lab whose questions are not all answered: tabs, counts and rows would tell what they ask. */
function Sealed() {
  return (
    <main class="sealed">
      <Guard><LabGuide /></Guard>
      <p class="muted">{d.value.lab.sealed}</p>
    </main>
  );
}

function Answers() {
  // The findings have what the table does not need.
  return (
    <main class="answers" style={{ '--rows': `${84 + 30 * Math.max(2, visible.value.length)}px` }}>
      <Guard><Findings /></Guard>
      <Guard><Table /></Guard>
    </main>
  );
}

const TABS: Tab[] = ['list', 'ladder', 'machine', 'queues'];

function Panels() {
  const ui = d.value.ui;
  const names: Record<Tab, string> = { list: lab.value ? d.value.lab.tab : ui.connections, ladder: ui.ladder, machine: ui.machine, queues: ui.queuesTab };
  // Who makes the queues higher, looks at graphs or opens the queues wants the ladder lower.
  const ladderLeast = sizes.value.queues || graphing.value ? '200px' : queuesOpen.value ? '300px' : undefined;
  const sized = Object.fromEntries(Object.entries(sizes.value).map(([name, px]) => [`--${name}`, `${px}px`]).concat(ladderLeast ? [['--ladder', ladderLeast]] : []));
  return (
    <main style={sized} class={`panels tab-${tab.value} ${maximised.value ? `max max-${maximised.value}` : ''} ${second.value ? 'two' : ''} ${lab.value ? 'with-lab' : ''}`}>
      <Controls />
      <div class="col-over"><Guard><Overview /></Guard></div>
      <div class="col-sum"><Guard><Summary /></Guard></div>
      <div class="tabs" role="group" aria-label={ui.narrow}>
        {TABS.map((name) => (
          <button key={name} aria-pressed={tab.value === name} onClick={() => { tab.value = name; }}>{names[name]}</button>
        ))}
      </div>
      <div class="col-list"><Guard><LabGuide /></Guard><Guard><List /></Guard><Splitter name="list" grows="right" /></div>
      <div class="col-ladder"><Guard><Ladder />{second.value && <Beside />}</Guard></div>
      <div class="col-side"><Guard><Machine /></Guard><Guard><Why /></Guard><Splitter name="side" grows="left" /></div>
      <div class="col-queues"><Guard><Queues /></Guard><Splitter name="queues" grows="up" /></div>
      <Spoken />
    </main>
  );
}

function Spoken() {
  void grown.value;
  const rec = currentRec.value;
  const t = trace.value;
  const e = rec && t && explain(d.value, around(t, conn.value), rec);
  return <Announce text={e ? `${e.title || nameOf(d.value, rec.record)}. ${e.what} ${clock(rec.t)} s` : ''} />;
}

/** Files may be dropped anywhere. */
function DropTarget() {
  const [over, setOver] = useState(false);
  useLayoutEffect(() => {
    let depth = 0;
    const files = (e: DragEvent) => !!e.dataTransfer?.types.includes('Files');
    const enter = (e: DragEvent) => { if (files(e)) { depth++; setOver(true); } };
    const leave = () => { if (--depth <= 0) { depth = 0; setOver(false); } };
    const hold = (e: DragEvent) => { if (files(e)) e.preventDefault(); };
    const drop = (e: DragEvent) => {
      if (!files(e)) return;
      e.preventDefault();
      depth = 0;
      setOver(false);
      openFiles([...e.dataTransfer?.files ?? []]);
    };
    addEventListener('dragenter', enter);
    addEventListener('dragleave', leave);
    addEventListener('dragover', hold);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragenter', enter);
      removeEventListener('dragleave', leave);
      removeEventListener('dragover', hold);
      removeEventListener('drop', drop);
    };
  }, []);
  return over ? <div class="dropping"><b>{hasEngine() ? d.value.capture.drop : d.value.ui.drop}</b></div> : null;
}
