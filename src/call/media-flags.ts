import type { Call, Leg, Local, Stream } from './call.js';
import { hasFeedbackProfile } from './rtcp-said.js';
import { receives, sends, socketAddress, streamKind } from './signalled.js';

/** What is said of a media of a party in statistics, in the words clients know. */
export function mediaFlags(call: Call, leg: Leg, stream: Stream, position: number): readonly string[] {
  const said = stream.inForce;
  const flags = ['initialized'];
  if (leg.asymmetric) flags.push('asymmetric');
  // From the proxy's side: `send` means that it sends to the party.
  if (said === undefined || receives(said)) flags.push('send');
  if (said === undefined || sends(said)) flags.push('recv');
  if (stream.muxed) flags.push('rtcp-mux');
  addSecurity(flags, stream);
  if (stream.transparent === 'all') flags.push('passthrough');
  addIce(flags, leg, stream);
  if (leg.unidirectional) flags.push('unidirectional');
  if (isOwnPort(call, said?.addresses?.rtp)) flags.push('loop check');
  if (leg.ptimeOverridden && streamKind(stream) === 'rtp') flags.push('ptime-override');
  if (hasFeedbackProfile(said?.protocol ?? stream.protocol)) flags.push('RTCP feedback');
  if (call.generateRtcp === true) flags.push('RTCP generator');
  if (leg.hears !== undefined) flags.push(leg.hears === 'itself' ? 'echo' : 'blackhole');
  addTwins(flags, leg.twins?.[position]);
  return flags;
}

/** The same of the packets of a media. */
export function packetFlags(call: Call): readonly string[] {
  const flags: string[] = [];
  if (call.learning.strict) flags.push('strict source address');
  if (call.learning.handover) flags.push('media handover');
  return flags;
}

function addSecurity(flags: string[], { security }: Stream): void {
  const agreed = security?.agreed;
  if (agreed?.kind === 'dtls') flags.push('DTLS-SRTP', `DTLS role ${agreed.role}`);
  if (agreed?.kind === 'sdes') flags.push('SDES');
}

function addIce(flags: string[], leg: Leg, { ice, inForce }: Stream): void {
  if (ice?.inForce !== true) return;
  flags.push('ICE');
  if (inForce?.ice?.options.split(' ').includes('trickle')) flags.push('trickle ICE');
  if (ice.role === 'controlling') flags.push('ICE controlling');
  if (inForce?.ice?.lite === true) flags.push('ICE-lite peer');
  if (leg.iceLite) flags.push('ICE-lite self');
}

/** The party names a port of the call's own. Packets that go in a circle are stopped on every stream, named so or not. */
function isOwnPort({ legs }: Call, address: string | undefined): boolean {
  const isAt = ({ address: own, port }: Local) => port !== undefined && socketAddress(own, port) === address;
  return address !== undefined && legs.some(({ streams }) => streams.some(({ locals }) => locals.some(isAt)));
}

/** Two `m=` lines for one stream, the plain one (`p`) or the secure one (`s`) first. */
function addTwins(flags: string[], mark: string | undefined): void {
  if (mark === 'p' || mark === 's') flags.push('legacy OSRTP');
  if (mark === 's') flags.push('reverse legacy OSRTP');
}
