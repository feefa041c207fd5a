import { useEffect, useRef } from 'preact/hooks';
import { d, helpOpen, singleKeys } from '../state/app';
import { FILTER_EXAMPLES, FILTER_KEYS } from '../trace/filter-keys';
import { Icon } from './parts';
import { Legend } from './summary';

export function Help() {
  const ref = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    if (open && !el.open) el.showModal();
    if (!open && el.open) el.close();
  }, [open]);
  return (
    <dialog ref={ref} aria-labelledby="help-title" onClose={() => { helpOpen.value = false; }}>
      {open && <Text />}
    </dialog>
  );
}

function Text() {
  const words = d.value;
  return (
    <>
      <div class="dialog-head">
        <h2 id="help-title">{words.ui.help}</h2>
        <button class="square" aria-label={words.ui.close} onClick={() => { helpOpen.value = false; }}><Icon name="close" /></button>
      </div>
      <h3>{words.ui.shortcuts}</h3>
      <dl class="keys">
        {words.keys.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}
      </dl>
      <label class="check">
        <input type="checkbox" checked={singleKeys.value} onChange={(e) => { singleKeys.value = e.currentTarget.checked; }} /> {words.ui.singleKeys}
      </label>
      <h3>{words.ui.filter}</h3>
      <dl class="states-list" id="filter-help">
        {FILTER_EXAMPLES.map((word) => <div key={word}><dt><code>{word}</code></dt><dd>{words.answers.filterWords[word]}</dd></div>)}
        {FILTER_KEYS.map((key) => <div key={key}><dt><code>{key}</code></dt><dd>{words.ui.filterKeys[key]}</dd></div>)}
      </dl>
      <h3>{words.teach.title}</h3>
      {words.teach.howTo.map((text) => <p key={text} class="how-to">{text}</p>)}
      <h3>{words.ui.legend}</h3>
      <Legend />
      <h3>{words.teach.glossary}</h3>
      <dl class="states-list">{words.teach.terms.map(([term, text]) => <div key={term}><dt>{term}</dt><dd>{text}</dd></div>)}</dl>
      <dl class="states-list">
        {Object.entries(words.states).map(([s, text]) => <div key={s}><dt>{s}</dt><dd>{text}</dd></div>)}
      </dl>
    </>
  );
}
