//! Compiles the XDP program. Without clang the crate still builds, and says at run time why there is no fast path.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() -> Result<(), Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bpf");
    println!("cargo::rerun-if-changed={}", sources.display());
    println!("cargo::rerun-if-env-changed=PATH");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let object = out.join("relay.o");
    let program = match compile(&sources.join("relay.bpf.c"), &object) {
        Ok(()) => format!("Ok(aya::include_bytes_aligned!({object:?}))"),
        Err(reason) => {
            println!("cargo::warning=no XDP program: {reason}; the fast path will be off");
            // A path that does not exist makes cargo come back until there is a compiler.
            println!("cargo::rerun-if-changed={}", out.join("no-clang").display());
            format!("Err({reason:?})")
        }
    };
    let text = format!("pub static PROGRAM: Result<&[u8], &str> = {program};\n");
    fs::write(out.join("program.rs"), text)?;
    Ok(())
}

fn compile(source: &Path, object: &Path) -> Result<(), String> {
    let mut clang = Command::new("clang");
    clang.args(["-O2", "-g", "-Wall", "-Wextra", "-Werror", "-target", "bpfel", "-mcpu=v3", "-c"]);
    // Without CAP_PERFMON no pointer's place on the stack may become half a pointer and half a number.
    clang.args(["-mllvm", "-no-stack-slot-sharing"]);
    // Debian's place of asm/types.h, which clang does not look at for this target.
    let machine = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    clang.arg(format!("-I/usr/include/{machine}-linux-gnu"));
    let output = clang.arg(source).arg("-o").arg(object).output();
    let output = output.map_err(|_| "clang missing".to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let first = errors.lines().find(|line| line.contains("error")).unwrap_or("clang failed");
    Err(format!("clang: {first}"))
}
