//! Protect and unprotect per suite, 172 bytes (20 ms of G.711) and 1,200 bytes (video).

#![allow(clippy::expect_used, reason = "a benchmark may end with a panic")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use srtp::{Context, MasterKey, Options, Suite};

fn context(suite: Suite) -> Context {
    let master =
        MasterKey { suite, key: vec![7; suite.key_length()], salt: vec![9; suite.salt_length()], mki: None };
    Context::new(&master, Options::default()).expect("key and salt have the suite's length")
}

fn packet(length: usize, sequence: u16, buffer: &mut [u8]) {
    buffer[..length].fill(0x55);
    buffer[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
}

fn packets(criterion: &mut Criterion) {
    for length in [172, 1_200] {
        let mut group = criterion.benchmark_group(format!("protect {length} bytes"));
        for suite in Suite::ALL {
            let mut context = context(suite);
            let mut buffer = [0; 1_400];
            packet(length, 0, &mut buffer);
            let mut sequence = 0u16;
            group.bench_function(BenchmarkId::from_parameter(suite.name()), |bencher| {
                bencher.iter(|| {
                    sequence = sequence.wrapping_add(1);
                    buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
                    context.protect_rtp(&mut buffer, length)
                });
            });
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("unprotect {length} bytes"));
        for suite in Suite::ALL {
            // Each packet is opened once, so a whole cycle is prepared and a fresh receiver begins with it again.
            let mut sender = context(suite);
            let mut prepared = Vec::new();
            for sequence in 0..4_096 {
                let mut buffer = [0; 1_400];
                packet(length, sequence, &mut buffer);
                let protected = sender.protect_rtp(&mut buffer, length).expect("the packet is well formed");
                prepared.push((buffer, protected));
            }
            let mut receiver = context(suite);
            let mut next = 0;
            group.bench_function(BenchmarkId::from_parameter(suite.name()), |bencher| {
                bencher.iter(|| {
                    if next == prepared.len() {
                        next = 0;
                        receiver = context(suite);
                    }
                    let (mut buffer, protected) = prepared[next];
                    next += 1;
                    receiver.unprotect_rtp(&mut buffer, protected)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, packets);
criterion_main!(benches);
