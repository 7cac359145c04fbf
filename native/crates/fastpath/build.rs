//! Compiles the XDP program.

#[path = "../../bpf/compile.rs"]
mod compile;

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bpf");
    println!("cargo::rerun-if-changed={}", sources.display());
    compile::program(&sources.join("relay.bpf.c"), "the fast path will be off")
}
