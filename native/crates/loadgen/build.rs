//! Compiles the programs that make and swallow frames.

#[path = "../../bpf/compile.rs"]
mod compile;

use std::{error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = folder.join("bpf/frames.bpf.c");
    for read in [&source, &folder.join("../../bpf/sums.h")] {
        println!("cargo::rerun-if-changed={}", read.display());
    }
    compile::program(&source, "frames cannot be made")
}
