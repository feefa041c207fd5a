// *Save trace*: the file that `tcplens read` would have written.

import { download, saveFailed } from '../state/report';
import { capture, makeTrace, savingTrace } from './state';

export async function saveTrace(): Promise<void> {
  const job = capture.value;
  if (!job || savingTrace.value) return;
  savingTrace.value = true;
  saveFailed.value = undefined;
  try {
    download(await makeTrace(job), `${job.file.name.replace(/\.gz$/, '').replace(/\.(pcapng|pcap|cap|dmp)$/, '')}.ndjson`);
  } catch (e) {
    saveFailed.value = e instanceof Error ? e.message : String(e);
  }
  savingTrace.value = false;
}
