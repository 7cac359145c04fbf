//! Taps: whose packets are copied, and to whom.

use std::collections::BTreeSet;

use protocol::{SessionPlan, TapPlan, TapTarget};

/// Where and why the taps of a plan make no sense.
pub fn check(plan: &SessionPlan) -> Result<(), (String, String)> {
    if plan.taps.len() > MOST_TAPS {
        return Err(("taps".to_owned(), format!("{} taps exceed {MOST_TAPS}", plan.taps.len())));
    }
    let mut seen = BTreeSet::new();
    for (at, tap) in plan.taps.iter().enumerate() {
        if !seen.insert(tap.id) {
            return Err((format!("taps[{at}].id"), format!("{} is there already", tap.id.0)));
        }
        check_streams(plan, tap).map_err(|reason| (format!("taps[{at}].streams"), reason))?;
        check_target(&tap.target).map_err(|reason| (format!("taps[{at}].target"), reason.to_owned()))?;
    }
    Ok(())
}

fn check_streams(plan: &SessionPlan, tap: &TapPlan) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for id in &tap.streams {
        if !plan.streams.iter().any(|stream| stream.id == *id) {
            return Err(format!("there is no stream {}", id.0));
        }
        if !seen.insert(*id) {
            return Err(format!("{} is there already", id.0));
        }
    }
    Ok(())
}

fn check_target(target: &TapTarget) -> Result<(), &'static str> {
    match target {
        TapTarget::Pcap { path, .. } if !path.starts_with('/') => Err("is no absolute path"),
        TapTarget::Pcap { path, .. } if path.contains('\0') || path.len() > LONGEST_PATH => Err("is no path"),
        TapTarget::Pcap { .. } => Ok(()),
        TapTarget::Datagrams { rtp, rtcp } => {
            let is_nobody = |at: &std::net::SocketAddr| at.port() == 0 || at.ip().is_unspecified();
            let nobody = std::iter::once(rtp).chain(rtcp).any(is_nobody);
            if nobody { Err("is nobody's address") } else { Ok(()) }
        }
    }
}

/// Of a session: each is asked about every packet.
const MOST_TAPS: usize = 8;
const LONGEST_PATH: usize = 4095;
