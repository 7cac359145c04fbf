import type { MediaFlags } from '../command/flags.js';
import type { Facts } from './facts.js';

/** Wishes that do not keep a call from working and that nobody here fulfils. */
export function ignoredFlags(flags: MediaFlags, { capabilities }: Facts): string[] {
  const ignored: string[] = [];
  const note = (isAsked: boolean, name: string) => {
    if (isAsked) ignored.push(`${name} is not supported and was ignored`);
  };
  note(flags.ice === 'optional' && !capabilities.has('ice'), 'ICE=optional');
  note(flags.t38.length > 0, 'T.38');
  note(flags.osrtp.size > 0 && !capabilities.has('srtp'), 'OSRTP');
  note(flags.passthrough === true && !capabilities.has('ice'), 'passthrough');
  note(flags.mediaAddress !== undefined && !/^[0-9a-fA-F:.]+$/.test(flags.mediaAddress), 'media address');
  return ignored;
}
