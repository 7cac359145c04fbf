/// <reference lib="dom" />
// What runs inside the browser: a JsSIP phone that the test drives through `window.phone`.
import JsSIP from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession.js';
import type { CallStats, Phone, PhoneOptions } from './phone.js';

let agent: JsSIP.UA | undefined;
let session: RTCSession | undefined;
let media: MediaStreamConstraints = { audio: true };
const seen: string[] = [];
const sessionOptions = (): object => ({ mediaConstraints: media, pcConfig: { iceServers: [] } });

function current(): RTCSession {
  if (session === undefined) throw new Error('there is no call');
  return session;
}

/** Samples are only decoded for somebody who listens. */
function listen(connection: RTCPeerConnection): void {
  connection.addEventListener('track', ({ track }) => {
    const player = document.body.appendChild(document.createElement(track.kind as 'audio' | 'video'));
    player.srcObject = new MediaStream([track]);
    void player.play();
  });
}

function watch(next: RTCSession): void {
  session = next;
  // A calling session has its connection by now, a called one when it answers.
  if (next.connection) listen(next.connection);
  next.on('peerconnection', ({ peerconnection }: { peerconnection: RTCPeerConnection }) =>
    listen(peerconnection),
  );
  for (const event of ['progress', 'accepted', 'confirmed', 'ended', 'failed', 'hold', 'unhold'] as const) {
    next.on(event, (data: { cause?: string } | undefined) => {
      seen.push(data?.cause === undefined ? event : `${event}: ${data.cause}`);
    });
  }
}

const phone: Phone = {
  register: ({ user, server, video }: PhoneOptions) => {
    media = { audio: true, video: video === true };
    const { host } = new URL(server);
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(server)],
      uri: `sip:${user}@${host.split(':')[0]}`,
      register: true,
    });
    agent.on(
      'newRTCSession',
      ({ originator, session: next }: { originator: string; session: RTCSession }) => {
        watch(next);
        if (originator === 'remote') next.answer(sessionOptions());
      },
    );
    const registered = new Promise<void>((resolve, reject) => {
      agent?.on('registered', () => resolve());
      agent?.on('registrationFailed', ({ cause }: { cause?: string }) => reject(new Error(cause)));
    });
    agent.start();
    return registered;
  },
  call: (target) => {
    if (agent === undefined) throw new Error('not registered');
    agent.call(target, sessionOptions());
  },
  hold: () => changed((done) => current().hold({}, done)),
  resume: () => changed((done) => current().unhold({}, done)),
  restartIce: () =>
    changed((done) => current().renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done)),
  dial: (tones) =>
    current().sendDTMF(tones, { transportType: 'RFC2833' as never, duration: 120, interToneGap: 80 }),
  hangUp: () => current().terminate(),
  events: () => [...seen],
  sdp: () => ({
    local: current().connection.localDescription?.sdp ?? '',
    remote: current().connection.remoteDescription?.sdp ?? '',
  }),
  stats: () => summarise(current().connection),
};

/** JsSIP calls back once the re-INVITE has been answered. */
function changed(start: (done: () => void) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!start(resolve)) reject(new Error('the call is busy with another change'));
  });
}

async function summarise(connection: RTCPeerConnection): Promise<CallStats> {
  const all = [...(await connection.getStats()).values()] as Record<string, unknown>[];
  const of = (type: string, kind?: string): Record<string, unknown> =>
    all.find((each) => each.type === type && (kind === undefined || each.kind === kind)) ?? {};
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const transport = of('transport');
  const pair = all.find((each) => each.id === transport.selectedCandidatePairId) ?? {};
  const remote = all.find((each) => each.id === pair.remoteCandidateId) ?? {};
  const media = (kind: 'audio' | 'video'): CallStats['audio'] => {
    const inbound = of('inbound-rtp', kind);
    // One entry for each SSRC.
    const total = (counter: string): number =>
      all
        .filter((each) => each.type === 'inbound-rtp' && each.kind === kind)
        .reduce((sum, each) => sum + number(each[counter]), 0);
    const outbound = of('outbound-rtp', kind);
    const reported = of('remote-inbound-rtp', kind);
    return {
      received: total('packetsReceived'),
      lost: total('packetsLost'),
      energy: total('totalAudioEnergy'),
      framesDecoded: total('framesDecoded'),
      sent: number(outbound.packetsSent),
      keyFramesSent: number(outbound.keyFramesEncoded),
      keyFramesRequestedOfUs: number(outbound.pliCount) + number(outbound.firCount),
      keyFramesRequested: total('pliCount') + total('firCount'),
      reportsOfUs: number(reported.roundTripTimeMeasurements),
      codec: text(all.find((each) => each.id === inbound.codecId)?.mimeType),
    };
  };
  return {
    connection: connection.connectionState,
    ice: connection.iceConnectionState,
    dtls: text(transport.dtlsState),
    srtpCipher: text(transport.srtpCipher),
    tlsVersion: text(transport.tlsVersion),
    remote: `${text(remote.address)}:${number(remote.port)}`,
    audio: media('audio'),
    video: media('video'),
    videoEstimateBps: number(pair.availableOutgoingBitrate),
  };
}

(window as unknown as { phone: Phone }).phone = phone;
