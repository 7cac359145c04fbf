import { type NetworkAddress, type Origin, parseConnection, parseOrigin } from './address.js';
import { attributeName, words } from './attributes.js';
import { type Direction, narrowerDirection, parseDirection } from './direction.js';
import { type Fingerprint, parseFingerprint, parseSetup, type Setup } from './dtls.js';
import { type Extmap, parseExtmap, SharedExtmaps } from './extmap.js';
import { type IceAttributes, iceAttributes, NO_ICE } from './ice.js';
import type { Line, SessionDescription } from './model.js';

/** The session part of a body, read. Broken attributes count as absent. */
export type SessionView = {
  readonly origin: Origin | undefined;
  /** Value of `s=`. */
  readonly name: string | undefined;
  /** `i= u= e= p=`, in order. */
  readonly information: readonly Line[];
  readonly connection: NetworkAddress | undefined;
  readonly bandwidth: readonly Line[];
  /** `t=` lines. */
  readonly times: readonly Line[];
  readonly direction: Direction | undefined;
  readonly directionLines: readonly Line[];
  /** Media identifications of each `a=group:BUNDLE`. */
  readonly bundles: readonly (readonly string[])[];
  readonly ice: IceAttributes;
  readonly fingerprint: Fingerprint | undefined;
  readonly setup: Setup | undefined;
  readonly tlsId: string | undefined;
  /** Header extensions of all its RTP streams (RFC 8285 §5). */
  readonly extmaps: readonly Extmap[];
  readonly extmapAllowMixed: boolean;
  /** Attributes nobody here understands, in order. */
  readonly other: readonly Line[];
};

export function viewSession(description: SessionDescription): SessionView {
  let origin: Origin | undefined;
  let name: string | undefined;
  let connection: NetworkAddress | undefined;
  let direction: Direction | undefined;
  let fingerprint: Fingerprint | undefined;
  let setup: Setup | undefined;
  let tlsId: string | undefined;
  let extmapAllowMixed = false;
  const information: Line[] = [];
  const bandwidth: Line[] = [];
  const times: Line[] = [];
  const directionLines: Line[] = [];
  const bundles: string[][] = [];
  const extmaps = new SharedExtmaps();
  const ice: Line[] = [];
  const other: Line[] = [];

  const readAttribute = (line: Line) => {
    const attribute = attributeName(line);
    const value = line.value.slice(attribute.length + 1);
    switch (attribute) {
      case 'sendrecv':
      case 'sendonly':
      case 'recvonly':
      case 'inactive':
        direction = narrowerDirection(direction, parseDirection(attribute));
        directionLines.push(line);
        break;
      case 'group': {
        const [semantics, ...ids] = words(value);
        if (semantics === 'BUNDLE') bundles.push(ids);
        else other.push(line);
        break;
      }
      case 'fingerprint':
        fingerprint ??= parseFingerprint(value);
        break;
      case 'setup':
        setup ??= parseSetup(value);
        break;
      case 'tls-id':
        tlsId ??= value;
        break;
      case 'extmap': {
        const extmap = parseExtmap(value);
        if (extmap) extmaps.add(extmap);
        break;
      }
      case 'extmap-allow-mixed':
        extmapAllowMixed = true;
        break;
      case 'ice-ufrag':
      case 'ice-pwd':
      case 'ice-options':
      case 'ice-lite':
      case 'candidate':
      case 'remote-candidates':
      case 'end-of-candidates':
        ice.push(line);
        break;
      default:
        other.push(line);
    }
  };

  for (const line of description.lines) {
    switch (line.type) {
      case 'a':
        readAttribute(line);
        break;
      case 'o':
        origin ??= parseOrigin(line.value);
        break;
      case 's':
        name ??= line.value;
        break;
      case 'c':
        connection ??= parseConnection(line.value);
        break;
      case 'b':
        bandwidth.push(line);
        break;
      case 't':
        times.push(line);
        break;
      case 'i':
      case 'u':
      case 'e':
      case 'p':
        information.push(line);
        break;
    }
  }
  return {
    origin,
    name,
    information,
    connection,
    bandwidth,
    times,
    direction,
    directionLines,
    bundles,
    ice: iceAttributes(ice, NO_ICE),
    fingerprint,
    setup,
    tlsId,
    extmaps: extmaps.list,
    extmapAllowMixed,
    other,
  };
}
