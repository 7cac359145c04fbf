//! Listening quality: simplified ITU-T G.107.

/// Estimates the mean opinion score, 1.0 to 4.5, of narrow-band speech.
pub fn mos(round_trip_ms: f64, jitter_ms: f64, loss_percent: f64) -> f64 {
    let delay = round_trip_ms / 2.0 + jitter_ms;
    let delay_impairment = 0.024 * delay + 0.11 * (delay - 177.3).max(0.0);
    let r = transmission_rating(loss_percent.clamp(0.0, 100.0)) - delay_impairment;
    // G.107 B.4: below 0 everything is bad.
    let r = r.max(0.0);
    (1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)).clamp(1.0, 4.5)
}

/// The rating before delay is taken off. The usual quadratic fit rises again beyond its vertex; from there on
/// each percent of loss costs as much as in the linear model.
fn transmission_rating(loss_percent: f64) -> f64 {
    const VERTEX_LOSS: f64 = 93.2 - 77.5;
    let base = 93.2 - loss_percent.min(VERTEX_LOSS);
    let fit = 0.18 * base * base - 27.9 * base + 1126.62;
    (fit - 2.5 * (loss_percent - VERTEX_LOSS).max(0.0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_line_scores_4_3() {
        assert!((mos(0.0, 0.0, 0.0) - 4.34).abs() < 0.01);
    }

    #[test]
    fn loss_jitter_and_delay_never_improve_the_score() {
        let steps = |count: u32, size: f64| (0..count).map(move |step| f64::from(step) * size);
        let falls = |scores: Vec<f64>| scores.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9);
        assert!(falls(steps(101, 1.0).map(|loss| mos(40.0, 5.0, loss)).collect()));
        assert!(falls(steps(100, 10.0).map(|jitter| mos(40.0, jitter, 1.0)).collect()));
        assert!(falls(steps(100, 20.0).map(|round_trip| mos(round_trip, 5.0, 1.0)).collect()));
    }

    #[test]
    fn the_score_stays_within_its_bounds() {
        assert_eq!(mos(60_000.0, 9_000.0, 100.0), 1.0);
        assert_eq!(mos(0.0, 0.0, -5.0), mos(0.0, 0.0, 0.0));
    }
}
