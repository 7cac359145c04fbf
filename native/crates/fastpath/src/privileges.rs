//! What the kernel demands of who loads programs.

use std::fs;

/// The capabilities that are missing, in words.
pub fn missing() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    missing_of(effective)
}

fn missing_of(effective: u64) -> Vec<String> {
    let has = |bit: u32| effective & (1 << bit) != 0;
    let mut missing = Vec::new();
    if !has(CAP_BPF) && !has(CAP_SYS_ADMIN) {
        missing.push("CAP_BPF is missing (to load the program and its maps)".to_owned());
    }
    if !has(CAP_NET_ADMIN) {
        missing.push("CAP_NET_ADMIN is missing (to attach the program to interfaces)".to_owned());
    }
    missing
}

const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_BPF: u32 = 39;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_capability_is_named() {
        let names = |mask| missing_of(mask).iter().map(|line| line[..9].to_owned()).collect::<Vec<_>>();
        assert_eq!(names(0), ["CAP_BPF i", "CAP_NET_A"]);
        assert_eq!(names(1 << CAP_BPF), ["CAP_NET_A"]);
        assert_eq!(names(1 << CAP_NET_ADMIN), ["CAP_BPF i"]);
        assert!(names(1 << CAP_NET_ADMIN | 1 << CAP_SYS_ADMIN).is_empty());
    }
}
