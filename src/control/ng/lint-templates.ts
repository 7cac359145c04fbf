import { DEFAULT_FLAGS, type MediaFlags } from '../../command/flags.js';
import { newDraft, type Warnings } from './draft.js';
import { applyTokens, compileTemplates, isCumulative, type Templates } from './evaluate.js';
import type { Token } from './flag-string.js';

/** What is wrong with each of the templates: words nobody knows, and words that exclude each other. */
export function lintTemplates(
  flagStrings: ReadonlyMap<string, string>,
): readonly { readonly name: string; readonly text: string }[] {
  const templates = compileTemplates(flagStrings);
  return [...templates].flatMap(([name, tokens]) => {
    const whole = evaluated(tokens, templates);
    const texts = [
      ...whole.warnings.mistakes,
      ...contradictions(tokens, templates),
      ...EXCLUSIONS.flatMap(({ holds, text }) => (holds(whole.flags) ? [text] : [])),
    ];
    return [...new Set(texts)].map((text) => ({ name, text }));
  });
}

/** Two words that set one thing to two values: the last would win, and nobody could see that. */
function contradictions(tokens: readonly Token[], templates: Templates): string[] {
  const found: string[] = [];
  const settings = new Map<string, { readonly word: string; readonly value: unknown }>();
  for (const token of tokens) {
    // What a template contains may be changed by what follows it: that is what it is for.
    if (isCumulative(token) || token.key === 'template') continue;
    const word = typeof token.value === 'string' ? `${token.key}=${token.value}` : token.key;
    for (const [setting, value] of settingsOf(evaluated([token], templates).flags)) {
      const before = settings.get(setting);
      if (before === undefined) settings.set(setting, { word, value });
      else if (before.value !== value) found.push(`"${word}" contradicts "${before.word}"`);
    }
  }
  return found;
}

function evaluated(
  tokens: readonly Token[],
  templates: Templates,
): { readonly flags: MediaFlags; readonly warnings: Warnings } {
  const draft = newDraft();
  applyTokens(draft, tokens, templates, 1);
  return draft;
}

/** The single values that differ from the default, by name. */
function settingsOf(flags: MediaFlags): readonly (readonly [string, unknown])[] {
  const { sdes, ...rest } = flags;
  const all = [...Object.entries(rest), ...Object.entries(sdes)];
  const usual = new Map<string, unknown>([
    ...Object.entries(DEFAULT_FLAGS),
    ...Object.entries(DEFAULT_FLAGS.sdes),
  ]);
  return all.filter(([name, value]) => typeof value !== 'object' && value !== usual.get(name));
}

type Exclusion = { readonly holds: (flags: MediaFlags) => boolean; readonly text: string };

const SECURE = /SAVP/;

const EXCLUSIONS: readonly Exclusion[] = [
  {
    holds: ({ strictSource, mediaHandover }) => strictSource && mediaHandover,
    text: 'strict-source drops the sources that media-handover follows',
  },
  {
    holds: ({ asymmetric, mediaHandover }) => asymmetric && mediaHandover,
    text: 'asymmetric keeps to the signalled address, media-handover follows another',
  },
  {
    holds: ({ endpointLearning, mediaHandover }) => endpointLearning === 'off' && mediaHandover,
    text: 'endpoint-learning=off learns nothing, media-handover follows what was learned',
  },
  {
    holds: ({ rtcpMux }) => rtcpMux.has('demux') && rtcpMux.has('require'),
    text: 'rtcp-mux cannot be taken away (demux) and required at once',
  },
  {
    holds: ({ rtcpMux }) => rtcpMux.has('accept') && rtcpMux.has('reject'),
    text: 'rtcp-mux cannot be accepted and rejected at once',
  },
  {
    holds: ({ bundle }) => bundle.has('reject') && bundle.size > 1,
    text: 'bundle cannot be rejected and asked for at once',
  },
  {
    holds: ({ ice, trickleIce, iceLite, ice2 }) =>
      ice === 'remove' && (trickleIce || ice2 || iceLite !== undefined),
    text: 'ICE=remove leaves nothing to trickle or to be lite about',
  },
  {
    holds: ({ sdes }) => sdes.off && (sdes.only.length > 0 || sdes.order.length > 0 || sdes.prefer),
    text: 'SDES=off leaves no suites to choose from or to prefer',
  },
  {
    holds: ({ sdes }) => sdes.only.some((suite) => sdes.exclude.includes(suite)),
    text: 'SDES names a suite both with only- and with no-',
  },
  {
    holds: ({ sdes, dtls, transportProtocol }) =>
      sdes.off && dtls === 'off' && SECURE.test(transportProtocol ?? ''),
    text: 'a secure transport-protocol needs SDES or DTLS',
  },
  {
    holds: ({ codec }) =>
      codec.strip.some(({ name }) => [...codec.except, ...codec.offer].some((kept) => kept.name === name)),
    text: 'a codec is both stripped and kept',
  },
];
