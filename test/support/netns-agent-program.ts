// The program that `netns-agent.ts` runs inside a namespace: RTP endpoints with exact counters, and a way to exchange
// single datagrams. One JSON request per line on stdin, one JSON response per line on stdout. It ends with its stdin.
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';

export type Target = { readonly address: string; readonly port: number };

export type AgentRequest =
  /** Opens an RTP port and the RTCP port above it. */
  | { readonly kind: 'open'; readonly at: Target }
  /** Sends `count` RTP packets, and one RTCP sender report before each 25th; answers when the last one is out. */
  | {
      readonly kind: 'play';
      readonly port: number;
      readonly to: Target;
      readonly ssrc: number;
      readonly count: number;
      readonly intervalMs: number;
    }
  /** Sends RTP of many sources by turns, without RTCP, until the port is told to halt. */
  | {
      readonly kind: 'stream';
      readonly port: number;
      readonly sources: readonly { readonly to: Target; readonly ssrc: number }[];
      /** Between two packets of a source. */
      readonly intervalMs: number;
    }
  | { readonly kind: 'halt'; readonly port: number }
  /** Sends RTP with these sequence numbers, from each port at the same moments, without RTCP. */
  | {
      readonly kind: 'train';
      readonly ports: readonly { readonly port: number; readonly to: Target }[];
      readonly ssrc: number;
      readonly sequences: readonly number[];
      readonly intervalMs: number;
    }
  | { readonly kind: 'report'; readonly port: number }
  /** Sends a datagram; waits for one datagram back unless `waitMs` is 0. */
  | { readonly kind: 'exchange'; readonly to: Target; readonly bytes: string; readonly waitMs: number };

/** What one RTP port sent, and what reached it, by SSRC. */
export type PortReport = {
  readonly sentRtp: number;
  readonly sentRtcp: number;
  readonly rtp: readonly SourceReport[];
  readonly rtcp: readonly SourceReport[];
  /** Datagrams that were neither. */
  readonly foreign: number;
};

export type SourceReport = {
  readonly ssrc: number;
  readonly packets: number;
  readonly distinct: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Packets that came after one with a higher sequence number. */
  readonly overtaken: number;
  /** Packets whose bytes are not those the sender makes for this SSRC and sequence number. */
  readonly corrupted: number;
  readonly from: readonly string[];
  /** Payload types (of RTCP: packet types) in order of their first packet. */
  readonly types: readonly number[];
  /** RTP packets whose payload is more than one byte again and again. */
  readonly loud: number;
};

export type AgentResponse =
  | { readonly id: number; readonly ok: true; readonly result: PortReport | string | null }
  | { readonly id: number; readonly ok: false; readonly error: string };

type Source = {
  packets: number;
  sequences: Set<number>;
  first: number;
  last: number;
  highest: number;
  overtaken: number;
  corrupted: number;
  from: Set<string>;
  types: Set<number>;
  loud: number;
};
type Endpoint = {
  rtpSocket: Socket;
  rtcpSocket: Socket;
  sentRtp: number;
  sentRtcp: number;
  nextSequence: Map<number, number>;
  rtp: Map<number, Source>;
  rtcp: Map<number, Source>;
  foreign: number;
  streaming: NodeJS.Timeout | undefined;
};

/** How often a port that streams sends. */
const TURN_MS = 20;

const endpoints = new Map<number, Endpoint>();

/** 12 bytes of header and 160 of payload that follow from SSRC and sequence number, so that a receiver can check them. */
function rtpPacket(ssrc: number, sequence: number): Buffer {
  const packet = Buffer.alloc(172);
  packet[0] = 0x80;
  packet.writeUInt16BE(sequence & 0xffff, 2);
  packet.writeUInt32BE((sequence * 160) >>> 0, 4);
  packet.writeUInt32BE(ssrc, 8);
  for (let at = 12; at < packet.length; at++) packet[at] = (ssrc + sequence * 31 + at * 7) & 0xff;
  return packet;
}

function senderReport(ssrc: number, packets: number): Buffer {
  const packet = Buffer.alloc(28);
  packet.writeUInt32BE(0x80c80006, 0);
  packet.writeUInt32BE(ssrc, 4);
  packet.writeUInt32BE(packets, 20);
  packet.writeUInt32BE(packets * 160, 24);
  return packet;
}

function note(
  sources: Map<number, Source>,
  ssrc: number,
  sequence: number,
  intact: boolean,
  from: Target,
  type: number,
  loud = false,
): void {
  let source = sources.get(ssrc);
  if (source === undefined) {
    source = {
      packets: 0,
      sequences: new Set(),
      first: sequence,
      last: sequence,
      highest: sequence,
      overtaken: 0,
      corrupted: 0,
      from: new Set(),
      types: new Set(),
      loud: 0,
    };
    sources.set(ssrc, source);
  }
  source.packets += 1;
  source.sequences.add(sequence);
  source.last = sequence;
  if (sequence < source.highest) source.overtaken += 1;
  source.highest = Math.max(source.highest, sequence);
  if (!intact) source.corrupted += 1;
  source.from.add(`${from.address}:${from.port}`);
  source.types.add(type);
  if (loud) source.loud += 1;
}

function receive(endpoint: Endpoint, packet: Buffer, from: Target): void {
  const type = packet[1] ?? 0;
  if (packet.length < 12 || (packet[0] ?? 0) >> 6 !== 2) {
    endpoint.foreign += 1;
  } else if (type >= 192 && type <= 223) {
    const ssrc = packet.readUInt32BE(4);
    const count = packet.length === 28 ? packet.readUInt32BE(20) : 0;
    note(endpoint.rtcp, ssrc, count, packet.equals(senderReport(ssrc, count)), from, type);
  } else {
    const ssrc = packet.readUInt32BE(8);
    const sequence = packet.readUInt16BE(2);
    const loud = new Set(packet.subarray(12)).size > 4;
    note(endpoint.rtp, ssrc, sequence, packet.equals(rtpPacket(ssrc, sequence)), from, type & 0x7f, loud);
  }
}

function bind(at: Target): Promise<Socket> {
  const socket = createSocket({ type: at.address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(at.port, at.address, () => resolve(socket));
  });
}

async function open(at: Target): Promise<null> {
  const [rtpSocket, rtcpSocket] = await Promise.all([bind(at), bind({ ...at, port: at.port + 1 })]);
  const endpoint: Endpoint = {
    rtpSocket,
    rtcpSocket,
    sentRtp: 0,
    sentRtcp: 0,
    nextSequence: new Map(),
    rtp: new Map(),
    rtcp: new Map(),
    foreign: 0,
    streaming: undefined,
  };
  for (const socket of [rtpSocket, rtcpSocket]) {
    socket.on('message', (packet, from) => receive(endpoint, packet, from));
    socket.on('error', () => undefined);
  }
  endpoints.set(at.port, endpoint);
  return null;
}

function endpointOf(port: number): Endpoint {
  const endpoint = endpoints.get(port);
  if (endpoint === undefined) throw new Error(`port ${port} is not open`);
  return endpoint;
}

function play(request: Extract<AgentRequest, { kind: 'play' }>): Promise<null> {
  const endpoint = endpointOf(request.port);
  const { to, ssrc } = request;
  const first = endpoint.nextSequence.get(ssrc) ?? 1;
  endpoint.nextSequence.set(ssrc, first + request.count);
  let sent = 0;
  // What a busy machine has kept from being sent is not made up for: no sender of media does that.
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (sent % 25 === 0) {
        endpoint.rtcpSocket.send(senderReport(ssrc, first + sent), to.port + 1, to.address);
        endpoint.sentRtcp += 1;
      }
      endpoint.rtpSocket.send(rtpPacket(ssrc, first + sent), to.port, to.address);
      endpoint.sentRtp += 1;
      sent += 1;
      if (sent === request.count) {
        clearInterval(timer);
        resolve(null);
      }
    }, request.intervalMs);
  });
}

function stream({ port, sources, intervalMs }: Extract<AgentRequest, { kind: 'stream' }>): null {
  const endpoint = endpointOf(port);
  clearInterval(endpoint.streaming);
  // What a busy machine has kept from being sent is not made up for: no sender of media does that.
  const each = Math.max(1, Math.round((sources.length * TURN_MS) / intervalMs));
  let next = 0;
  endpoint.streaming = setInterval(() => {
    for (const end = next + each; next < end; next++) {
      const source = sources[next % sources.length];
      if (source === undefined) return;
      const sequence = endpoint.nextSequence.get(source.ssrc) ?? 1;
      endpoint.nextSequence.set(source.ssrc, sequence + 1);
      endpoint.rtpSocket.send(rtpPacket(source.ssrc, sequence), source.to.port, source.to.address);
      endpoint.sentRtp += 1;
    }
  }, TURN_MS);
  return null;
}

function train(request: Extract<AgentRequest, { kind: 'train' }>): Promise<null> {
  const { ports, ssrc, sequences, intervalMs } = request;
  let sent = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const sequence = sequences[sent];
      sent += 1;
      if (sequence === undefined) {
        clearInterval(timer);
        return resolve(null);
      }
      for (const { port, to } of ports) {
        const endpoint = endpointOf(port);
        endpoint.rtpSocket.send(rtpPacket(ssrc, sequence), to.port, to.address);
        endpoint.sentRtp += 1;
      }
    }, intervalMs);
  });
}

function halt(port: number): null {
  clearInterval(endpointOf(port).streaming);
  return null;
}

function report(port: number): PortReport {
  const endpoint = endpointOf(port);
  const describe = (sources: Map<number, Source>): SourceReport[] =>
    [...sources].map(([ssrc, source]) => ({
      ssrc,
      packets: source.packets,
      distinct: source.sequences.size,
      firstSequence: source.first,
      lastSequence: source.last,
      overtaken: source.overtaken,
      corrupted: source.corrupted,
      from: [...source.from],
      types: [...source.types],
      loud: source.loud,
    }));
  const { sentRtp, sentRtcp, foreign } = endpoint;
  return { sentRtp, sentRtcp, foreign, rtp: describe(endpoint.rtp), rtcp: describe(endpoint.rtcp) };
}

function exchange(request: Extract<AgentRequest, { kind: 'exchange' }>): Promise<string | null> {
  const socket = createSocket(request.to.address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    const finish = (answer: string | null): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(null), Math.max(1, request.waitMs));
    socket.on('error', () => finish(null));
    socket.on('message', (packet) => finish(packet.toString('base64')));
    // Connected, so that a closed port is reported at once instead of after the wait.
    socket.connect(request.to.port, request.to.address, () => {
      socket.send(Buffer.from(request.bytes, 'base64'), () => {
        if (request.waitMs === 0) finish(null);
      });
    });
  });
}

function perform(request: AgentRequest): Promise<PortReport | string | null> | PortReport | null {
  switch (request.kind) {
    case 'stream':
      return stream(request);
    case 'halt':
      return halt(request.port);
    case 'train':
      return train(request);
    case 'open':
      return open(request.at);
    case 'play':
      return play(request);
    case 'report':
      return report(request.port);
    case 'exchange':
      return exchange(request);
  }
}

async function answer(id: number, request: AgentRequest): Promise<AgentResponse> {
  try {
    return { id, ok: true, result: await perform(request) };
  } catch (error) {
    return { id, ok: false, error: String(error) };
  }
}

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { id, request } = JSON.parse(line) as { id: number; request: AgentRequest };
  void answer(id, request).then((response) => process.stdout.write(`${JSON.stringify(response)}\n`));
});
lines.on('close', () => process.exit(0));
