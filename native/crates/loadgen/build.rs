//! Compiles the programs that make and swallow frames.

#[path = "../../bpf/compile.rs"]
mod compile;

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf/frames.bpf.c");
    println!("cargo::rerun-if-changed={}", source.display());
    compile::program(&source, "frames cannot be made")
}
