import { listOf, orNull, quotedJson as quoted } from '../json-text.js';
import { remembered } from '../remembered.js';
import type {
  BundlePlan,
  IcePlan,
  LocalPlan,
  PayloadPlan,
  RemotePlan,
  SecurityPlan,
  SessionPlan,
  StreamPlan,
} from './protocol.gen.js';

/**
 * Writes a plan as `JSON.stringify` does, character by character. Every negotiation writes one, of a dozen kilobytes
 * for a browser's call; this takes a fourth of the time, because lists of payload types, which calls share, are written
 * once.
 */
export function planText(plan: SessionPlan): string {
  const { timeouts } = plan;
  let text = `{"session":${quoted(plan.session)},"revision":${plan.revision},"memo":${quoted(plan.memo)},"tos":${plan.tos}`;
  text += `,"timeouts":{"mediaMs":${timeouts.mediaMs},"silentMs":${timeouts.silentMs},"offerMs":${timeouts.offerMs}`;
  text += `,"firstPacketMs":${timeouts.firstPacketMs}},"reportTelephoneEvents":${plan.reportTelephoneEvents}`;
  text += `,"streams":${listOf(plan.streams, streamText)},"routes":${JSON.stringify(plan.routes)}`;
  return plan.taps === undefined ? `${text}}` : `${text},"taps":${JSON.stringify(plan.taps)}}`;
}

function streamText(stream: StreamPlan): string {
  const { learning } = stream;
  let text = `{"id":${stream.id},"locals":${listOf(stream.locals, localText)},"bundle":${orNull(stream.bundle, bundleText)}`;
  text += `,"kind":"${stream.kind}","rtcp":"${stream.rtcp}","rtcpRules":${orNull(stream.rtcpRules, JSON.stringify)}`;
  text += `,"remote":${orNull(stream.remote, remoteText)},"pendingRemote":${orNull(stream.pendingRemote, remoteText)}`;
  text += `,"resume":${orNull(stream.resume, remoteText)},"snapshot":${orNull(stream.snapshot, JSON.stringify)}`;
  text += `,"learning":{"mode":"${learning.mode}","strict":${learning.strict},"handover":${learning.handover}`;
  text += `,"asymmetric":${learning.asymmetric},"wait":${learning.wait},"pierce":${learning.pierce},"epoch":${learning.epoch}}`;
  text += `,"receive":${stream.receive},"hiddenExtensions":[${stream.hiddenExtensions.join()}]`;
  text += `,"payloads":${payloadsText(stream.payloads)},"security":${securityText(stream.security)}`;
  text += `,"ice":${orNull(stream.ice, iceText)}`;
  return stream.listener === undefined ? `${text}}` : `${text},"listener":${stream.listener}}`;
}

function localText({ id, interface: name, address, port, span, relay }: LocalPlan): string {
  const relayed = relay === undefined ? '' : `,"relay":${JSON.stringify(relay)}`;
  return `{"id":${id},"interface":${quoted(name)},"address":${quoted(address)},"port":${port},"span":"${span}"${relayed}}`;
}

function remoteText({ rtp, rtcp }: RemotePlan): string {
  return `{"rtp":${quoted(rtp)},"rtcp":${orNull(rtcp, quoted)}}`;
}

function bundleText({ transport, mid, midExtension, ssrcs }: BundlePlan): string {
  return `{"transport":${transport},"mid":${orNull(mid, quoted)},"midExtension":${midExtension},"ssrcs":[${ssrcs.join()}]}`;
}

function securityText(security: SecurityPlan): string {
  switch (security.kind) {
    case 'none':
      return '{"kind":"none"}';
    case 'sdes':
      return JSON.stringify(security);
    case 'dtls': {
      const { role, fingerprints, association, certificate } = security;
      const written = listOf(
        fingerprints,
        ({ hash, value }) => `{"hash":${quoted(hash)},"value":${quoted(value)}}`,
      );
      return `{"kind":"dtls","role":"${role}","fingerprints":${written},"association":${association},"certificate":${orNull(certificate, quoted)}}`;
    }
  }
}

function iceText(ice: IcePlan): string {
  let text = `{"localUfrag":${quoted(ice.localUfrag)},"localPwd":${quoted(ice.localPwd)}`;
  text += `,"remoteUfrag":${orNull(ice.remoteUfrag, quoted)},"remotePwd":${orNull(ice.remotePwd, quoted)},"role":"${ice.role}"`;
  text += `,"lite":${ice.lite},"remoteLite":${ice.remoteLite},"candidates":${listOf(ice.candidates, quoted)}`;
  text += `,"endOfCandidates":${ice.endOfCandidates},"generation":${ice.generation}}`;
  return text;
}

function payloadsText(payloads: readonly PayloadPlan[]): string {
  return payloads.length === 0 ? '[]' : knownPayloadsText(payloads);
}

const knownPayloadsText = remembered((payloads: readonly PayloadPlan[]): string => JSON.stringify(payloads));
