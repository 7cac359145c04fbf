//! Nanoseconds of the XDP program per packet. As root: cargo bench -p fastpath
#![allow(clippy::print_stdout, reason = "this is its output")]

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let repeat = if std::env::args().any(|argument| argument == "--bench") { 2_000_000 } else { 10 };
    match fastpath::time_program(repeat) {
        Ok(timings) => timings.iter().for_each(|(what, ns)| println!("{ns:>5} ns  {what}")),
        Err(error) => println!("skipped: {error}"),
    }
}
