import { decodeNg } from '../../../src/control/ng/decode.js';
import type { Client } from '../../../src/command/command.js';
import type { CommandFailure, Reply, SubscriptionReply } from '../../../src/command/reply.js';
import type { RoutePlan, SessionPlan, StreamPlan } from '../../../src/dataplane/protocol.gen.js';
import type { Facts } from '../../../src/negotiation/facts.js';
import type { CallServiceParts } from '../../../src/service/call-service.js';
import { type NgField, toDictionary } from '../../support/ng-client.js';
import { sdp } from '../negotiation/sample.js';
import { type FakeNode, startFakeNode } from './fake-node.js';

const CLIENT: Client = { address: '192.0.2.250', port: 5060, protocol: 'ng' };

export const PROTECTED: Pick<Facts, 'capabilities' | 'certificate'> = {
  capabilities: new Set(['srtp', 'ice']),
  certificate: { id: 'own', fingerprints: [{ hash: 'sha-256', value: 'AB:CD' }], former: [] },
};

type Message = { readonly [key: string]: NgField };

/** A call of Alice and Bob on a data plane that is played, and whoever listens to it, spoken of as clients do. */
export class ListenedCall {
  readonly node: FakeNode;

  private constructor(node: FakeNode) {
    this.node = node;
  }

  static async start(parts: Partial<CallServiceParts> = {}): Promise<ListenedCall> {
    return new ListenedCall(await startFakeNode({ parts }));
  }

  /** The same call, after the control plane has died. */
  async afterCrash(): Promise<ListenedCall> {
    return new ListenedCall(await startFakeNode({ onto: this.node.dataPlane }));
  }

  /** Alice offers G.711 in both laws, Bob takes one of them. */
  async talk(alice = '', bob = ''): Promise<void> {
    await this.offer(alice);
    await this.do({ command: 'answer', 'from-tag': 'alice', 'to-tag': 'bob', sdp: body(20, bob || BOB) });
  }

  async offer(alice = ''): Promise<void> {
    await this.do({ command: 'offer', 'from-tag': 'alice', sdp: body(10, alice || ALICE) });
  }

  async do(message: Message): Promise<Reply> {
    const { command } = decodeNg(toDictionary({ 'call-id': 'call', ...message }));
    if (command.kind === 'failure') return command;
    if (command.kind === 'cli') throw new Error('no command about calls');
    return this.node.service.handle(command, CLIENT);
  }

  subscribe(message: Message = { flags: ['all'] }): Promise<Reply> {
    return this.do({ command: 'subscribe request', 'to-tag': 'rec', ...message });
  }

  /** Takes all that was offered. */
  accept(offer: SubscriptionReply, direction = 'recvonly'): Promise<Reply> {
    return this.do({
      command: 'subscribe answer',
      'to-tag': offer.toTag,
      sdp: answerTo(offer.sdp, direction),
    });
  }

  /** Somebody listens. */
  async listen(message?: Message, direction?: string): Promise<SubscriptionReply> {
    const offer = offered(await this.subscribe(message));
    const reply = await this.accept(offer, direction);
    if (reply.kind !== 'done') throw new Error(`refused: ${JSON.stringify(reply)}`);
    return offer;
  }

  get plan(): SessionPlan {
    const plan = this.node.dataPlane.plans.get('call');
    if (plan === undefined) throw new Error('there is no session');
    return plan;
  }

  /** The stream that is reached at this address: `alice`, `bob`, `rec`. */
  stream(host: number, line = 0): StreamPlan {
    const rtp = `198.51.100.${host}:${4000 + line * 2}`;
    const found = this.plan.streams.find(({ remote }) => remote?.rtp === rtp);
    if (found === undefined) throw new Error(`nobody is at ${rtp}`);
    return found;
  }

  /** What goes from one stream to another. */
  route(from: StreamPlan, to: StreamPlan): RoutePlan | undefined {
    return this.plan.routes.find((route) => route.from === from.id && route.to === to.id);
  }
}

export function offered(reply: Reply): SubscriptionReply {
  if (reply.kind !== 'subscription') throw new Error(`refused: ${JSON.stringify(reply)}`);
  return reply;
}

export function reasonOf(reply: Reply): CommandFailure['message'] {
  if (reply.kind !== 'failure') throw new Error(`not refused: ${JSON.stringify(reply)}`);
  return reply.message;
}

/** One audio line, or others, at `198.51.100.<host>`. */
export function body(host: number, ...lines: readonly string[]): string {
  const address = `198.51.100.${host}`;
  return sdp(
    'v=0',
    `o=x 1 1 IN IP4 ${address}`,
    's=secret',
    `c=IN IP4 ${address}`,
    't=0 0',
    ...lines.flatMap((each) => each.split('\n')),
  );
}

/** The listener takes every line as it was offered, at ports of its own. */
export function answerTo(offer: string, direction = 'recvonly'): string {
  let line = -1;
  const lines = offer
    .split('\r\n')
    .filter((text) => /^(?:m=|a=(?:rtpmap|fmtp|mid|rtcp-mux|group))/.test(text))
    .flatMap((text) => {
      if (!text.startsWith('m=')) return [text];
      line += 1;
      const port = text.split(' ')[1] === '0' ? 0 : 4000 + line * 2;
      return [text.replace(/^m=(\w+) \d+/, `m=$1 ${port}`), `a=${direction}`];
    });
  return body(30, ...lines);
}

const ALICE = 'm=audio 4000 RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15';
const BOB = 'm=audio 4000 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16';
