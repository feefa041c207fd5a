// What can be asked of the capture that is open, in `tcplens read`'s options; and the trace of it, to save.

import { useState } from 'preact/hooks';
import { d, revision } from '../state/app';
import { openFile, openJob } from '../state/open';
import { count, show } from '../text';
import { CHECKSUMS, SEGMENTS, type Options } from './module';
import { saveTrace } from './save';
import { capture, captured, files, jobFor, options, savingTrace } from './state';

const listOf = (text: string) => text.split(/[\s,]+/).filter((word) => word !== '');

/** Undefined: a port is none. Whether a host is one, the engine knows. */
function read(form: HTMLFormElement): Options | undefined {
  const value = (name: string) => (form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement).value;
  const ports = listOf(value('ports')).map((p) => (/^\d{1,5}$/.test(p) ? Number(p) : 0));
  if (ports.some((p) => p < 1 || p > 65535)) return undefined;
  return {
    ports, hosts: listOf(value('hosts')),
    segments: value('segments') as Options['segments'], checksums: value('checksums') as Options['checksums'],
  };
}

function Choice<T extends string>({ name, of, now, words, title }: { name: string; of: readonly T[]; now: T; words: Record<T, string>; title: string }) {
  return (
    <label title={title}>{d.value.capture[name as 'segments']}{' '}
      <select name={name}>{of.map((o) => <option key={o} value={o} selected={o === now}>{words[o]}</option>)}</select>
    </label>
  );
}

function Files() {
  const open = files.value.indexOf(capture.value?.file ?? files.value[0]!);
  return (
    <label>{d.value.capture.file}{' '}
      <select id="capture-file" value={String(open)} onChange={(e) => void openFile(files.value[Number(e.currentTarget.value)]!)}>
        {files.value.map((f, i) => <option key={i} value={String(i)}>{show(f.name, 40)}</option>)}
      </select>
    </label>
  );
}

export function CaptureBar() {
  const words = d.value.capture;
  const [bad, setBad] = useState(false);
  const open = capture.value;
  void revision.value;
  if (!open && files.value.length < 2) return null;
  const now = options.value;
  const offloaded = captured.value?.offloaded ?? 0;
  return (
    <form class="bar capture" aria-label={words.options} onInput={() => setBad(false)} onSubmit={(e) => {
      e.preventDefault();
      const asked = read(e.currentTarget);
      setBad(!asked);
      if (!asked || !open) return;
      options.value = asked;
      void openJob(jobFor(open.file)!);
    }}>
      {files.value.length > 1 && <Files />}
      {open && (
        <>
          <label title={words.portsHint}>{words.ports} <input type="text" name="ports" size={9} placeholder="80, 443" autocomplete="off" value={now.ports.join(', ')} aria-invalid={bad} /></label>
          <label title={words.hostsHint}>{words.hosts} <input type="text" name="hosts" size={15} placeholder="192.0.2.0/24" autocomplete="off" value={now.hosts.join(', ')} /></label>
          <Choice name="checksums" of={CHECKSUMS} now={now.checksums} words={words.checksumsOf} title={words.checksumsHint} />
          <Choice name="segments" of={SEGMENTS} now={now.segments} words={words.segmentsOf} title={words.segmentsHint} />
          <button id="read-again">{words.again}</button>
          <button id="save-trace" type="button" disabled={!captured.value || savingTrace.value} title={words.saveHint} onClick={() => void saveTrace()}>{savingTrace.value ? words.saving : words.save}</button>
          {bad && <span class="bad" role="alert">{words.badPort}</span>}
          {offloaded > 0 && <span class="muted">{words.offloaded(count(offloaded), offloaded === 1)}</span>}
        </>
      )}
    </form>
  );
}
