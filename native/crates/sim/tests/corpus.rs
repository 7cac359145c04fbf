//! Replays the committed fuzzing corpus, so that it is tested without a fuzzer.

use std::{fs, path::Path};

#[expect(clippy::unwrap_used, reason = "a missing corpus fails the test")]
fn replay(target: &str, function: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        function(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn the_rtp_corpus_passes() {
    replay("rtp", sim::inputs::rtp);
}

#[test]
fn the_rtcp_corpus_passes() {
    replay("rtcp", sim::inputs::rtcp);
}

#[test]
fn the_engine_corpus_passes() {
    replay("engine_ops", sim::inputs::engine_ops);
}

#[test]
fn the_frames_corpus_passes() {
    replay("frames", sim::inputs::frames);
}

#[test]
fn the_srtp_corpus_passes() {
    replay("srtp", sim::inputs::srtp);
}

#[test]
fn the_dtls_corpus_passes() {
    replay("dtls", sim::inputs::dtls);
}

#[test]
fn the_stun_corpus_passes() {
    replay("stun", sim::inputs::stun);
}

#[test]
fn the_course_corpus_passes() {
    replay("courses", sim::inputs::courses);
}

#[test]
fn the_turn_corpus_passes() {
    replay("turn", sim::inputs::turn);
}

#[test]
fn the_pattern_corpus_passes() {
    replay("patterns", sim::inputs::patterns);
}
