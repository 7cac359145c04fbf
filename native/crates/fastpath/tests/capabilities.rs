//! An ordinary user with two capabilities is enough, and each one that is missing is named.

#![allow(clippy::unwrap_used, reason = "of tests")]

mod support;

use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use fastpath::FastPath;
use support::{Host, Network, options};

/// Not a test: what the tests run as somebody else.
#[test]
#[ignore = "run by the others"]
fn open_as_whoever_runs_this() {
    match FastPath::open(&options(None)) {
        Ok((_, reports)) => eprintln!("opened: {reports:?}"),
        Err(error) => eprintln!("refused: {error}"),
    }
}

fn open_as_nobody(host: &Host, capabilities: &[&str]) -> String {
    // Where nobody may read it.
    let program: PathBuf = env::temp_dir().join(format!("fastpath-{}", host.name));
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let list: Vec<String> = capabilities.iter().map(|name| format!("+{name}")).collect();
    let list = if list.is_empty() { "-all".to_owned() } else { list.join(",") };
    let output = Command::new("ip")
        .args(["netns", "exec", &host.name, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        .args([format!("--inh-caps={list}"), format!("--ambient-caps={list}")])
        .arg(&program)
        .args(["--ignored", "--nocapture", "--exact", "open_as_whoever_runs_this"])
        .output()
        .unwrap();
    fs::remove_file(&program).unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn an_ordinary_user_with_two_capabilities_may() {
    kernel_or_skip!();
    let network = Network::new().with_gro();
    let said = open_as_nobody(&network.relay, &["bpf", "net_admin"]);
    assert!(said.contains("opened") && said.contains("mode: Native"), "{said}");
    let _other = network.open();
    let said = open_as_nobody(&network.relay, &["bpf", "net_admin"]);
    assert!(said.contains("opened") && said.contains("mode: Tc"), "{said}");
}

#[test]
fn each_missing_capability_is_named() {
    kernel_or_skip!();
    let network = Network::new();
    let (bpf, net_admin) = ("CAP_BPF is missing", "CAP_NET_ADMIN is missing");
    for (has, misses) in
        [(&[][..], &[bpf, net_admin][..]), (&["bpf"], &[net_admin]), (&["net_admin"], &[bpf])]
    {
        let said = open_as_nobody(&network.relay, has);
        for missing in misses {
            assert!(said.contains(missing), "{has:?}: {said}");
        }
        assert_eq!(said.matches("is missing").count(), misses.len(), "{said}");
    }
}
