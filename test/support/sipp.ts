import { readFileSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { Namespace, Network } from './netns.js';
import type { Agent, Target } from './netns-agent.js';
import { until } from './netns-until.js';

const SCENARIOS = join(import.meta.dirname, '../../sipp-scenarios');

/** A line a scenario writes when it has read an SDP: where it will hear media, and where it is to send it. */
export type MediaNote = {
  readonly stage: string;
  readonly callId: string;
  readonly ownPort: number;
  readonly remote: Target;
};

export type SippOptions = {
  readonly scenario: string;
  readonly at: Target;
  /** Where a caller sends its requests. */
  readonly to?: Target;
  readonly service?: string;
  readonly calls?: number;
  /** Length of the pauses the scenario leaves open. */
  readonly pauseMs?: number;
  /** Rows of the injection file, one per call: media ports in the first columns. */
  readonly rows: readonly (readonly (number | string)[])[];
};

export type Sipp = {
  /** Waits until as many calls as asked for have logged the stage. */
  notes(stage: string, calls?: number, deadlineMs?: number): Promise<MediaNote[]>;
  note(stage: string): Promise<MediaNote>;
  /** Lets the scenario go on from a pause between two stages. */
  nudge(agent: Agent, callId: string): Promise<void>;
  /** Resolves when all calls have ended as the scenario says; fails with SIPp's own words otherwise. */
  finished(): Promise<void>;
  stop(): Promise<void>;
};

let instances = 0;

export function startSipp(network: Network, where: Namespace, options: SippOptions): Sipp {
  instances += 1;
  const name = `sipp-${instances}-${options.scenario}`;
  const file = (kind: string): string => join(network.directory, `${name}.${kind}`);
  writeFileSync(
    file('csv'),
    ['SEQUENTIAL', ...options.rows.map((row) => row.join(';'))].join('\n').concat('\n'),
  );
  const calls = options.calls ?? 1;
  const running = where.start(
    [
      ...[
        'sipp',
        '-sf',
        join(SCENARIOS, options.scenario),
        '-inf',
        file('csv'),
        '-m',
        String(calls),
        '-r',
        '20',
      ],
      ...[
        '-i',
        bracketed(options.at.address),
        '-mi',
        bracketed(options.at.address),
        '-p',
        String(options.at.port),
      ],
      ...['-s', options.service ?? 'nobody', '-nostdin', '-d', String(options.pauseMs ?? 0)],
      ...['-trace_err', '-error_file', file('err')],
      ...(options.to === undefined ? [] : [`${bracketed(options.to.address)}:${options.to.port}`]),
    ],
    { log: file('out'), env: { TERM: 'dumb', MEDIA_NOTES: file('notes') } },
  );
  const notes = (stage: string): MediaNote[] =>
    parseNotes(readIfThere(file('notes'))).filter((note) => note.stage === stage);
  const ended = { code: undefined as number | string | undefined };
  void running.ended.then((code) => {
    ended.code = code;
  });
  const complaint = (): string =>
    `${options.scenario} ended with ${ended.code}\n${readIfThere(file('err'))}\n${readIfThere(file('out')).slice(-2000)}`;
  return {
    async notes(stage, wanted = calls, deadlineMs = 30_000) {
      return until(
        `${options.scenario} at ${stage}`,
        () => {
          const found = notes(stage);
          if (found.length >= wanted) return found;
          if (ended.code !== undefined) throw new Error(complaint());
          return undefined;
        },
        deadlineMs,
      );
    },
    async note(stage) {
      const [first] = await this.notes(stage, 1);
      if (first === undefined) throw new Error(`no note at ${stage}`);
      return first;
    },
    nudge: (agent, callId) => agent.send(options.at, message(callId)),
    async finished() {
      const code = await running.ended;
      if (code !== 0) throw new Error(complaint());
    },
    stop: () => running.stop('SIGKILL'),
  };
}

function message(callId: string): Buffer {
  const lines = [
    'MESSAGE sip:sipp@localhost SIP/2.0',
    'Via: SIP/2.0/UDP localhost:9;branch=z9hG4bKnudge',
    'From: <sip:test@localhost>;tag=nudge',
    'To: <sip:sipp@localhost>',
    `Call-ID: ${callId}`,
    'CSeq: 1 MESSAGE',
    'Content-Length: 0',
  ];
  return Buffer.from(
    lines
      .map((line) => `${line}\r\n`)
      .concat('\r\n')
      .join(''),
  );
}

function parseNotes(text: string): MediaNote[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  return complete.split('\n').flatMap((line) => {
    const [stage, callId, ownPort, address, port] = line.trim().split(' ');
    if (stage === undefined || callId === undefined || address === undefined || port === undefined) return [];
    return [{ stage, callId, ownPort: Number(ownPort), remote: { address, port: Number(port) } }];
  });
}

function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
