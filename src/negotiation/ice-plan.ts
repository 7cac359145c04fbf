import type { Leg, Stream } from '../call/call.js';
import type { IcePlan } from '../dataplane/protocol.gen.js';

/** Our agent for the data plane. One that is only offered works already: checks may come before the answer. */
export function icePlan(leg: Leg, stream: Stream, isMuxed: boolean): IcePlan | null {
  const { ice, inForce } = stream;
  if (ice === undefined) return null;
  if (!ice.inForce && (inForce !== undefined || !ice.offered)) return null;
  const said = ice.inForce ? inForce?.ice : undefined;
  return {
    localUfrag: ice.ufrag,
    localPwd: ice.pwd,
    remoteUfrag: said?.ufrag ?? null,
    remotePwd: said?.pwd ?? null,
    role: ice.role,
    lite: leg.iceLite,
    remoteLite: said?.lite ?? false,
    candidates: said ? candidatesOf(said.candidates, isMuxed) : [],
    endOfCandidates: said?.complete ?? false,
    generation: ice.generation,
  };
}

function candidatesOf(text: string, isMuxed: boolean): string[] {
  if (text === '') return [];
  const candidates = text.split('\n');
  return isMuxed ? candidates.filter((candidate) => candidate.split(' ', 2)[1] === '1') : candidates;
}
