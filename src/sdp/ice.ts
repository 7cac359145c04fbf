import { attributeName, words } from './attributes.js';
import { type Candidate, parseCandidate, parseRemoteCandidates, type RemoteCandidate } from './candidate.js';
import type { Line } from './model.js';

/** What a session or media section says about ICE (RFC 8839). */
export type IceAttributes = {
  readonly ufrag: string | undefined;
  readonly pwd: string | undefined;
  readonly options: readonly string[];
  readonly lite: boolean;
  /** Candidates that could not be read are left out. */
  readonly candidates: readonly Candidate[];
  readonly remoteCandidates: readonly RemoteCandidate[];
  readonly endOfCandidates: boolean;
};

export const NO_ICE: IceAttributes = {
  ufrag: undefined,
  pwd: undefined,
  options: [],
  lite: false,
  candidates: [],
  remoteCandidates: [],
  endOfCandidates: false,
};

/** Reads the attributes that `isIceAttribute` names; what a media section lacks it has from the session. */
export function iceAttributes(lines: readonly Line[], session: IceAttributes): IceAttributes {
  if (lines.length === 0 && session === NO_ICE) return NO_ICE;
  let { ufrag, pwd, options, lite, remoteCandidates, endOfCandidates } = session;
  const candidates: Candidate[] = [];
  for (const line of lines) {
    const name = attributeName(line);
    const value = line.value.slice(name.length + 1);
    switch (name) {
      case 'ice-ufrag':
        ufrag = iceText(value, 4) ?? ufrag;
        break;
      case 'ice-pwd':
        pwd = iceText(value, 22) ?? pwd;
        break;
      case 'ice-options':
        options = words(value);
        break;
      case 'ice-lite':
        lite = true;
        break;
      case 'candidate': {
        const candidate = candidates.length < MAX_CANDIDATES ? parseCandidate(value) : undefined;
        if (candidate) candidates.push(candidate);
        break;
      }
      case 'remote-candidates':
        remoteCandidates = parseRemoteCandidates(value) ?? remoteCandidates;
        break;
      case 'end-of-candidates':
        endOfCandidates = true;
        break;
    }
  }
  return { ufrag, pwd, options, lite, candidates, remoteCandidates, endOfCandidates };
}

/** The section can do ICE: it has credentials (RFC 8839 §5.4). */
export function offersIce(ice: IceAttributes): boolean {
  return ice.ufrag !== undefined && ice.pwd !== undefined;
}

/** `ice-char`s only, at least `min` of them, at most 256 (RFC 8839 §5.4). */
function iceText(text: string, min: number): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length < min || trimmed.length > 256) return undefined;
  return /^[A-Za-z0-9+/=_-]+$/.test(trimmed) ? trimmed : undefined;
}

const MAX_CANDIDATES = 128;
