import { readdirSync, readFileSync } from 'node:fs';

export type CorpusEntry = { readonly name: string; readonly text: string };

/** SDP bodies in the shapes that phones, gateways, PBXs, browsers and test tools write; all of them accepted. */
export function sdpCorpus(): readonly CorpusEntry[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith('.sdp'))
    .sort()
    .map((file) => ({
      name: file.replace(/\.sdp$/, ''),
      text: readFileSync(new URL(file, DIRECTORY), 'latin1'),
    }));
}

const DIRECTORY = new URL('sdp-corpus/', import.meta.url);
