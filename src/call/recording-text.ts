/** The text beside a recording, as scripts of rtpengine's users read it. */
export function textHead(path: string): string {
  return `${path}\n\n\n`;
}

export type SdpRemark = {
  readonly mode: 'offer' | 'answer';
  /** Of the party that has sent the SDP. */
  readonly label: string | undefined;
  readonly atMs: number;
  /** Number of the first packet that comes after it, from 1. */
  readonly beforePacket: number;
  /** As it was sent on. */
  readonly sdp: string;
};

export function sdpText({ mode, label, atMs, beforePacket, sdp }: SdpRemark): string {
  const labelled = label === undefined ? '' : `Label: ${oneLine(label)}\n`;
  const head = `Timestamp started ms: ${milliseconds(atMs)}\nSDP mode: ${mode}\n`;
  return `${labelled}${head}SDP before RTP packet: ${beforePacket}\n\n${sdp}\n`;
}

export function pauseText(what: 'paused' | 'resumed', atMs: number): string {
  return `Recording ${what} at: ${milliseconds(atMs)}\n`;
}

export type TextEnd = {
  readonly createdMs: number;
  readonly endedMs: number;
  readonly metadata: string | undefined;
};

export function textTail({ createdMs, endedMs, metadata }: TextEnd): string {
  const times = `call start time: ${dateTime(createdMs)}\ncall end time: ${dateTime(endedMs)}\n`;
  const remark = metadata === undefined ? '' : `\n\n${metadata}\n`;
  return `Timestamp terminated ms(first monologue): ${milliseconds(endedMs)}\n\n${times}${remark}`;
}

function milliseconds(atMs: number): string {
  return atMs.toFixed(3);
}

function dateTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19);
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
