//! A sine in G.711.

use std::f64::consts::TAU;

use crate::payloads::Class;

/// What is to be heard.
#[derive(Debug, Clone, Copy)]
pub struct Tone {
    /// In Hz.
    pub frequency: u16,
    /// Decibels below full scale.
    pub volume: u8,
}

/// Appends so many samples of a tone from tick `start` of it on. False if the codec is none of G.711.
pub fn append(tone: Tone, class: Class, ticks: std::ops::Range<u32>, samples: &mut Vec<u8>) -> bool {
    let encode = match class {
        Class::Pcmu => mu_law,
        Class::Pcma => a_law,
        Class::G722 | Class::TelephoneEvent | Class::ComfortNoise | Class::Redundancy | Class::Other => {
            return false;
        }
    };
    let amplitude = f64::from(i16::MAX) * 10f64.powf(-f64::from(tone.volume) / 20.0);
    let step = TAU * f64::from(tone.frequency) / SAMPLES_PER_SECOND;
    // Turned on by one step from sample to sample: a sine for each would be dear.
    let (turn_sin, turn_cos) = step.sin_cos();
    let (mut sin, mut cos) = (step * f64::from(ticks.start)).sin_cos();
    samples.extend(ticks.map(|_| {
        let sample = encode((amplitude * sin) as i16);
        (sin, cos) = (sin * turn_cos + cos * turn_sin, cos * turn_cos - sin * turn_sin);
        sample
    }));
    true
}

/// ITU-T G.711, µ-law: eight segments of sixteen steps, each twice as coarse as the one before.
fn mu_law(sample: i16) -> u8 {
    let magnitude = sample.unsigned_abs().min(MU_LAW_CLIP) + MU_LAW_BIAS;
    let segment = magnitude.ilog2() - MU_LAW_BIAS.ilog2();
    let step = (magnitude >> (segment + 3)) & 0x0f;
    !(sign(sample < 0) | (segment as u8) << 4 | step as u8)
}

/// ITU-T G.711, A-law: the same, but for the first two segments, which are equally fine.
fn a_law(sample: i16) -> u8 {
    // One's complement: there is no sample for zero.
    let magnitude = if sample < 0 { !sample } else { sample }.unsigned_abs() >> 4;
    let segment = magnitude.checked_ilog2().unwrap_or(0).saturating_sub(3);
    let step = (magnitude >> segment.saturating_sub(1)) & 0x0f;
    (sign(sample >= 0) | (segment as u8) << 4 | step as u8) ^ EVEN_BITS
}

fn sign(set: bool) -> u8 {
    u8::from(set) << 7
}

const SAMPLES_PER_SECOND: f64 = 8000.0;
const MU_LAW_BIAS: u16 = 0x84;
const MU_LAW_CLIP: u16 = 32_635;
const EVEN_BITS: u8 = 0x55;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(class: Class, volume: u8) -> Vec<u8> {
        let mut samples = Vec::new();
        assert!(append(Tone { frequency: 400, volume }, class, 0..12, &mut samples));
        samples
    }

    /// As ITU-T G.711 decodes them.
    fn from_mu_law(octet: u8) -> i32 {
        let octet = !octet;
        let magnitude = ((i32::from(octet & 0x0f) << 3) + 0x84) << ((octet >> 4) & 7);
        if octet & 0x80 == 0 { magnitude - 0x84 } else { 0x84 - magnitude }
    }

    fn from_a_law(octet: u8) -> i32 {
        let octet = octet ^ EVEN_BITS;
        let (segment, step) = (i32::from((octet >> 4) & 7), i32::from(octet & 0x0f) << 4);
        let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
        if octet & 0x80 == 0 { -magnitude } else { magnitude }
    }

    #[test]
    fn a_tone_at_ten_decibels_below_full_scale_is_what_it_is_elsewhere() {
        // Sent by another implementation for 400 Hz at -10 dB.
        let elsewhere = [0xff, 0xb5, 0xa7, 0x9f, 0x9c, 0x9b, 0x9c, 0x9f, 0xa7, 0xb5, 0xff, 0x35];
        assert_eq!(tone(Class::Pcmu, 10), elsewhere);
    }

    #[test]
    fn every_sample_is_decoded_to_nearly_itself() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let tolerance = i32::from(sample).abs() / 24 + 24;
            for decoded in [from_mu_law(mu_law(sample)), from_a_law(a_law(sample))] {
                assert!((decoded - i32::from(sample)).abs() <= tolerance.max(16), "{sample}: {decoded}");
            }
        }
    }

    #[test]
    fn other_codecs_have_no_tone() {
        let mut samples = Vec::new();
        assert!(!append(Tone { frequency: 400, volume: 10 }, Class::G722, 0..12, &mut samples));
        assert!(samples.is_empty());
    }
}
