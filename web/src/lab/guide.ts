// A lab's guide: sections, their choices, and what is said to who took one. The same reading as the program's (src/lab/guide.c).

export interface Choice { text: string; feedback: string }
export interface Section { text: string; choices: Map<string, Choice> }
export interface Guide { title: string; intro: string; sections: Map<string, Section> }

const CHOICE = /^- ([^ :]+): *(.*)$/;

export function readGuide(markdown: string): Guide {
  const guide: Guide = { title: '', intro: '', sections: new Map() };
  const intro: Section = { text: '', choices: new Map() };
  let section = intro;
  let choice: Choice | undefined;
  for (const line of markdown.split('\n').map((l) => l.trimEnd())) {
    const of = section === intro ? undefined : CHOICE.exec(line);
    if (line.startsWith('# ') && guide.title === '') {
      guide.title = line.slice(2);
    } else if (line.startsWith('## ')) {
      section = { text: '', choices: new Map() };
      choice = undefined;
      guide.sections.set(line.slice(3), section);
    } else if (of) {
      choice = { text: of[2]!, feedback: '' };
      section.choices.set(of[1]!, choice);
    } else if (choice) {
      choice.feedback += `${line.trimStart()}\n`;
    } else {
      section.text += `${line}\n`;
    }
  }
  guide.intro = intro.text;
  return guide;
}

/** A piece of a paragraph; anything else that Markdown has stays as it is written. */
export interface Piece { kind: 'text' | 'code' | 'strong' | 'em'; text: string }
const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*/g;

export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  for (const m of text.matchAll(INLINE)) {
    if (m.index > at) out.push({ kind: 'text', text: text.slice(at, m.index) });
    out.push({ kind: m[1] !== undefined ? 'code' : m[2] !== undefined ? 'strong' : 'em', text: (m[1] ?? m[2] ?? m[3])! });
    at = m.index + m[0].length;
  }
  if (at < text.length) out.push({ kind: 'text', text: text.slice(at) });
  return out;
}

/** Paragraphs, and lists of lines that begin with "- ". */
export interface Block { kind: 'p' | 'ul' | 'pre'; lines: string[] }

// A line break between Chinese characters is no space.
const joined = (a: string, b: string) => (/[⺀-鿿　-〿＀-￯]$/.test(a) || /^[⺀-鿿　-〿＀-￯]/.test(b) ? a + b : `${a} ${b}`);

export function blocks(markdown: string): Block[] {
  const out: Block[] = [];
  for (const part of markdown.split(/\n\s*\n/)) {
    const lines = part.split('\n').filter((l) => l.trim() !== '');
    if (lines.length === 0) continue;
    if (lines.every((l) => l.startsWith('    '))) {
      out.push({ kind: 'pre', lines: [lines.map((l) => l.slice(4)).join('\n')] });
      continue;
    }
    for (const line of lines) {
      const item = line.startsWith('- ');
      const last = out[out.length - 1];
      if (item && last?.kind === 'ul' && line !== lines[0]) last.lines.push(line.slice(2));
      else if (item) out.push({ kind: 'ul', lines: [line.slice(2)] });
      else if (line !== lines[0] && last) last.lines.push(joined(last.lines.pop()!, line.trim()));
      else out.push({ kind: 'p', lines: [line.trim()] });
    }
  }
  return out;
}
