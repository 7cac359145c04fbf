//! CPU time of the processes under test, from the scheduler's own clock.

use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::HashMap;
use std::fs;

/// CPU time of each thread so far, in nanoseconds.
pub struct Reading(HashMap<u32, u64>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumed {
    pub total_ns: u64,
    /// Nanoseconds per watched process, in the order they were named.
    pub per_process_ns: Vec<u64>,
}

/// Reads all threads of the processes. On kernels without IRQ time accounting this includes the softirq work done in
/// their context, which is where a veth pair delivers what they send.
pub fn read(processes: &[u32]) -> Result<Vec<Reading>> {
    processes.iter().map(|&process| read_process(process)).collect()
}

pub fn consumed(before: &[Reading], after: &[Reading]) -> Consumed {
    let per_process_ns: Vec<u64> =
        before.iter().zip(after).map(|(before, after)| between(before, after)).collect();
    Consumed { total_ns: per_process_ns.iter().sum(), per_process_ns }
}

fn between(before: &Reading, after: &Reading) -> u64 {
    let since = |(thread, now): (&u32, &u64)| now.saturating_sub(before.0.get(thread).copied().unwrap_or(0));
    after.0.iter().map(since).sum()
}

fn read_process(process: u32) -> Result<Reading> {
    let mut threads = HashMap::new();
    let tasks = format!("/proc/{process}/task");
    for entry in fs::read_dir(&tasks).with_context(|| format!("no process {process} to watch"))? {
        let entry = entry?;
        let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A thread may end between the listing and the reading.
        let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
        let ran =
            text.split(' ').next().and_then(|field| field.parse().ok()).context("unreadable schedstat")?;
        threads.insert(thread, ran);
    }
    Ok(Reading(threads))
}

/// Jiffies a core was not idle since boot, as (busy, softirq) in nanoseconds.
pub fn core_busy(core: usize) -> Result<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat")?;
    let prefix = format!("cpu{core} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&prefix)).context("no such core")?;
    let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let [user, nice, system, _, _, irq, softirq, ..] = fields[..] else {
        anyhow::bail!("short /proc/stat line")
    };
    const JIFFY_NS: u64 = 10_000_000;
    Ok(((user + nice + system + irq + softirq) * JIFFY_NS, softirq * JIFFY_NS))
}
