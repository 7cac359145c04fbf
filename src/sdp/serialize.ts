import type { Line, MediaDescription, SessionDescription } from './model.js';

/** Writes an SDP body; every line ends in CRLF. */
export function serializeSdp(description: SessionDescription): string {
  let text = serializeLines(description.lines);
  for (const media of description.medias) text += serializeMediaLine(media) + serializeLines(media.lines);
  return text;
}

function serializeMediaLine(media: MediaDescription): string {
  const count = media.portCount === undefined ? '' : `/${media.portCount}`;
  let text = `m=${media.type} ${media.port}${count} ${media.protocol}`;
  for (const format of media.formats) text += ` ${format}`;
  return `${text}\r\n`;
}

function serializeLines(lines: readonly Line[]): string {
  let text = '';
  for (const line of lines) text += `${line.type}=${line.value}\r\n`;
  return text;
}
