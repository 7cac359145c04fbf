/** Parts of the log that have levels of their own, under rtpengine's names, and what is said of them. */
export const LOG_SUBSYSTEMS = {
  core: "Everything that isn't part of another subsystem",
  spandsp: 'Nothing here: no tones are made or heard',
  ffmpeg: 'Nothing here: nothing is transcoded',
  transcoding: 'Nothing here: nothing is transcoded',
  codec: 'Nothing here: codecs are told of with core',
  rtcp: 'Nothing here: RTCP is told of in statistics',
  ice: 'ICE and relayed candidates',
  crypto: 'DTLS and its certificates',
  srtp: 'Packets that are not authentic, or not yet',
  internals: 'Nothing here',
  http: 'HTTP, HTTPS, WebSocket',
  control: 'Control protocols and the command line',
  dtx: 'Nothing here: nothing is transcoded',
} as const;

export type LogSubsystem = keyof typeof LOG_SUBSYSTEMS;

export function isLogSubsystem(name: string): name is LogSubsystem {
  return Object.hasOwn(LOG_SUBSYSTEMS, name);
}

export const LOG_SUBSYSTEM_NAMES: readonly LogSubsystem[] =
  Object.keys(LOG_SUBSYSTEMS).filter(isLogSubsystem);

/** Of each, a level of syslog; 8 is one beyond, and -1 nothing at all. */
export type LogLevels = Readonly<Record<LogSubsystem, number>>;
