//! Compiles BPF programs, for build scripts. Without clang a crate still builds, and says at run time what is missing.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Writes `program.rs` into the build's folder: `PROGRAM`, the object or the reason why there is none.
pub fn program(source: &Path, consequence: &str) -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed=PATH");
    let object = out.join("program.o");
    let program = match compile(source, &object) {
        Ok(()) => format!("Ok(aya::include_bytes_aligned!({object:?}))"),
        Err(reason) => {
            println!("cargo::warning=no XDP program: {reason}; {consequence}");
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
