/**
 * A behaviour of the proxy as text, in `test/cases/offer-answer/*.case`:
 *
 *     A hold with sendonly stays a hold            the title, one sentence
 *     # why it is so                               notes, if any
 *     config: sip-source=yes                       settings other than the defaults, if any
 *
 *     offer replace=origin from-tag=alice          a command, with flags as in a Kamailio route
 *     --- in                                       the SDP that arrives
 *     m=audio 4000 RTP/AVP 8
 *     a=sendonly
 *     --- out                                      the SDP that leaves
 *     m=audio {port:b} RTP/AVP 8
 *     …
 *     --- plan                                     what the data plane is told, by path
 *     {port:b}.remote = null
 *
 * Further sections: `--- error` and the text of the refusal, `--- result` and what became of a deletion. Steps follow
 * each other within one call. See `sdp-body.ts` for the short form of SDP and `expected-sdp.ts` for placeholders.
 */
export type CaseFile = {
  readonly title: string;
  readonly notes: readonly string[];
  readonly config: string;
  readonly steps: readonly CaseStep[];
};

export type CaseStep = {
  readonly command: CaseCommand;
  /** Flags, tags and branch, as written behind the command. */
  readonly flags: string;
  /** Line number of the command, for messages. */
  readonly line: number;
  readonly sections: ReadonlyMap<SectionName, CaseSection>;
};

export type CaseSection = {
  /** Without empty lines. */
  readonly lines: readonly string[];
  /** Line number of its first line. */
  readonly line: number;
};

export const CASE_COMMANDS = [
  'offer',
  'answer',
  'delete',
  'block media',
  'unblock media',
  'silence media',
  'unsilence media',
  'block DTMF',
  'unblock DTMF',
  'start recording',
  'pause recording',
  'stop recording',
  'start forwarding',
  'stop forwarding',
  'publish',
  'create answer',
  'create',
  'connect',
  'mesh',
  'subscribe request',
  'subscribe answer',
  'wait',
] as const;

export type CaseCommand = (typeof CASE_COMMANDS)[number];

const SECTION_NAMES = ['in', 'out', 'plan', 'error', 'result'] as const;

export type SectionName = (typeof SECTION_NAMES)[number];

/** Throws with the line number if the text is not a case. */
export function parseCase(text: string): CaseFile {
  const lines = text.split('\n');
  const title = lines[0]?.trim() ?? '';
  if (title === '' || title.startsWith('---')) throw new CaseError(1, 'no title');

  const notes: string[] = [];
  const steps: (CaseStep & { sections: Map<SectionName, CaseSection> })[] = [];
  let config = '';
  let section: { lines: string[]; line: number } | undefined;
  for (const [index, raw] of lines.entries()) {
    const line = raw.trimEnd();
    const number = index + 1;
    if (number === 1 || line === '') continue;
    const step = steps.at(-1);
    const command = commandOf(line);
    if (command !== undefined) {
      steps.push({ command, flags: line.slice(command.length).trim(), line: number, sections: new Map() });
      section = undefined;
    } else if (line.startsWith('--- ')) {
      const name = SECTION_NAMES.find((known) => known === line.slice(4).trim());
      if (name === undefined) throw new CaseError(number, `unknown section ${line}`);
      if (step === undefined) throw new CaseError(number, 'a section before the first command');
      if (step.sections.has(name)) throw new CaseError(number, `second ${line}`);
      section = { lines: [], line: number + 1 };
      step.sections.set(name, section);
    } else if (section !== undefined) {
      section.lines.push(line);
    } else if (step !== undefined) {
      throw new CaseError(number, 'text outside of a section');
    } else if (line.startsWith('#')) {
      notes.push(line.slice(1).trim());
    } else if (line.startsWith('config:')) {
      config = line.slice('config:'.length).trim();
    } else {
      throw new CaseError(number, `neither note nor command: ${line}`);
    }
  }
  for (const step of steps) checkSections(step);
  if (steps.length === 0) throw new CaseError(lines.length, 'no command');
  return { title, notes, config, steps };
}

const WITH_SDP: ReadonlySet<CaseCommand> = new Set([
  'offer',
  'answer',
  'publish',
  'create answer',
  'subscribe answer',
]);

export class CaseError extends Error {
  override readonly name = 'CaseError';

  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
  }
}

function commandOf(line: string): CaseCommand | undefined {
  return CASE_COMMANDS.find((command) => line === command || line.startsWith(`${command} `));
}

function checkSections({ command, line, sections }: CaseStep): void {
  const wantsSdp = WITH_SDP.has(command);
  if (wantsSdp !== sections.has('in')) {
    throw new CaseError(line, `${command} ${wantsSdp ? 'needs an' : 'has no'} "--- in"`);
  }
  const isTold = command === 'offer' || command === 'answer';
  if (isTold && !sections.has('out') && !sections.has('error') && !sections.has('result')) {
    throw new CaseError(line, `${command} says nothing of its outcome`);
  }
}
