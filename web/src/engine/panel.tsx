// What can be asked of the capture that is open, in `tcplens read`'s options; and the trace of it, to save.

import { useState } from 'preact/hooks';
import { d, revision } from '../state/app';
import { openJob } from '../state/open';
import { count } from '../text';
import { CHECKSUMS, SEGMENTS, type Options } from './module';
import { saveTrace } from './save';
import { capture, captured, jobFor, options, savingTrace } from './state';

const listOf = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '');

/** Undefined: a port is none. Whether a host is one, the engine knows. */
function read(form: HTMLFormElement): Options | undefined {
  const value = (name: string) => (form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement).value;
  const ports = listOf(value('ports')).map((p) => (/^\d{1,5}$/.test(p) ? Number(p) : 0));
  if (ports.some((p) => p < 1 || p > 65535)) return undefined;
  return {
    ports, hosts: listOf(value('hosts')),
    segments: value('segments') as Options['segments'], checksums: value('checksums') as Options['checksums'],
    udp: (form.elements.namedItem('udp') as HTMLInputElement).checked,
  };
}

function Choice<T extends string>({ name, of, now, words, title }: { name: string; of: readonly T[]; now: T; words: Record<T, string>; title: string }) {
  return (
    <label title={title}>{d.value.capture[name as 'segments']}{' '}
      <select name={name}>{of.map((o) => <option key={o} value={o} selected={o === now}>{words[o]}</option>)}</select>
    </label>
  );
}

export function CaptureBar() {
  const words = d.value.capture;
  const [bad, setBad] = useState(false);
  const [more, setMore] = useState(false);
  const open = capture.value;
  void revision.value;
  if (!open) return null;
  const now = options.value;
  const offloaded = captured.value?.offloaded ?? 0;
  // What is typed stays until it is asked for, whatever is drawn meanwhile.
  return (
    <form class={`bar capture${more ? ' unfolded' : ''}`} aria-label={words.options} onInput={() => setBad(false)} onSubmit={(e) => {
      e.preventDefault();
      const asked = read(e.currentTarget);
      setBad(!asked);
      if (!asked) return;
      options.value = asked;
      void openJob(jobFor(open.file)!);
    }}>
      <label title={words.portsHint}>{words.ports} <input type="text" name="ports" size={9} placeholder="80, 443" autocomplete="off" defaultValue={now.ports.join(', ')} aria-invalid={bad} /></label>
      <label title={words.hostsHint}>{words.hosts} <input type="text" name="hosts" size={15} placeholder="192.0.2.0/24" autocomplete="off" defaultValue={now.hosts.join(', ')} /></label>
      <Choice name="checksums" of={CHECKSUMS} now={now.checksums} words={words.checksumsOf} title={words.checksumsHint} />
      <Choice name="segments" of={SEGMENTS} now={now.segments} words={words.segmentsOf} title={words.segmentsHint} />
      <label title={words.udpHint}><input type="checkbox" name="udp" defaultChecked={now.udp} /> {words.udp}</label>
      <button id="read-again">{words.again}</button>
      <button class="fold" type="button" aria-expanded={more} onClick={() => setMore(!more)}>{words.options}</button>
      <button id="save-trace" type="button" disabled={!captured.value || savingTrace.value} title={words.saveHint} onClick={() => void saveTrace()}>{savingTrace.value ? words.saving : words.save}</button>
      {bad && <span class="bad" role="alert">{words.badPort}</span>}
      {offloaded > 0 && <span class="muted">{words.offloaded(count(offloaded), offloaded === 1)}</span>}
    </form>
  );
}
