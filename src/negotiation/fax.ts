import { type CommandFailure, failure } from '../command/reply.js';
import type { MediaFlags } from '../command/flags.js';
import type { MediaView } from '../sdp/media-view.js';

/** An offer that could only be passed on through a gateway between audio and T.38, which does not exist here. */
export function refusedFax(medias: readonly MediaView[], flags: MediaFlags): CommandFailure | undefined {
  const shown = medias.filter(({ media }) => media.port !== 0 && !flags.sdpMediaRemove.includes(media.type));
  if (flags.t38.includes('decode') && shown.some(isFax)) return refused('T.38 to audio');
  const isForced = flags.t38.includes('force') || isUdptl(flags.transportProtocol ?? '');
  return isForced && shown.some(isAudio) ? refused('audio to T.38') : undefined;
}

function isFax({ media }: MediaView): boolean {
  return media.type === 'image' && isUdptl(media.protocol);
}

function isAudio({ media, profile }: MediaView): boolean {
  return media.type === 'audio' && profile !== undefined;
}

export function isUdptl(protocol: string): boolean {
  return protocol.toLowerCase() === 'udptl';
}

function refused(conversion: string): CommandFailure {
  return failure('unsupported', `Conversion of ${conversion} is not supported`);
}
