/** 20 ms of G.711 at 8 kHz. */
export const SAMPLES_PER_FRAME = 160;

/** Frames of one second of a sine tone in µ-law, to be sent round and round. The frequency is in whole Hertz. */
export function toneFrames(frequencyHz: number): readonly Buffer[] {
  const samples = Buffer.from(
    Array.from({ length: 8000 }, (_, index) =>
      muLaw(Math.round(8000 * Math.sin((2 * Math.PI * frequencyHz * index) / 8000))),
    ),
  );
  return Array.from({ length: 50 }, (_, frame) =>
    samples.subarray(frame * SAMPLES_PER_FRAME, (frame + 1) * SAMPLES_PER_FRAME),
  );
}

/** ITU-T G.711 µ-law of a 16-bit sample. */
export function muLaw(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const segment = 31 - Math.clz32(magnitude) - 7;
  const step = (magnitude >> (segment + 3)) & 0x0f;
  return ~(sign | (segment << 4) | step) & 0xff;
}

const BIAS = 0x84;
const CLIP = 32_635;
