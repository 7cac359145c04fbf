//! Attaching the program: the fastest way an interface allows, and why not a faster one.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use aya::programs::{
    LinkOrder, ProgramError, TcAttachType, XdpMode,
    links::{FdLink, PinnedLink},
    tc::{SchedClassifierLink, TcAttachOptions},
    xdp::XdpLink,
};

use crate::{
    hops::Drivers,
    kernel::{Kernel, errno, last_lines},
    layout::{DEVICE_NATIVE, DEVICE_REDIRECTS, DEVICE_STRICT, Device},
    netlink::Interface,
    pins,
    report::{InterfaceReport, Mode, OpenError},
    topology::Topology,
};

/// An interface that owns addresses, and where the program listens for it.
#[derive(Debug)]
pub struct Covered {
    pub owner: u32,
    /// The interface the program is attached to: below a VLAN's tag if that is possible.
    pub attached: u32,
    pub report: InterfaceReport,
}

#[derive(Debug)]
pub struct Attacher {
    pins: Option<PathBuf>,
    /// The only mode to try.
    only: Option<Mode>,
    held: HashMap<u32, (Mode, Held)>,
}

/// Keeps the program attached: by itself, or by its pin.
#[derive(Debug)]
enum Held {
    Pinned { _link: PinnedLink, path: PathBuf },
    Ours { _link: FdLink },
}

impl Attacher {
    pub fn new(pins: Option<PathBuf>, only: Option<Mode>) -> Self {
        Attacher { pins, only, held: HashMap::new() }
    }

    /// Attaches for these interfaces, and detaches whatever another configuration has left.
    pub fn cover(
        &mut self,
        kernel: &mut Kernel,
        topology: &Topology,
        drivers: &mut Drivers,
        owners: &[&Interface],
    ) -> Result<Vec<Covered>, OpenError> {
        self.take_over(kernel, topology, drivers, owners)?;
        let mut covered = Vec::new();
        for owner in owners {
            covered.push(self.cover_one(kernel, topology, drivers, owner)?);
        }
        Ok(covered)
    }

    /// Detaches from interfaces that are gone or that nobody needs any more.
    pub fn release_unused(&mut self, kernel: &mut Kernel, covered: &[Covered]) {
        let is_unused = |interface: &u32| covered.iter().all(|covered| covered.attached != *interface);
        for (interface, (_, held)) in self.held.extract_if(|interface, _| is_unused(interface)) {
            if let Held::Pinned { path, .. } = held {
                let _ = pins::remove_link(&path);
            }
            let _ = kernel.devices.remove(&interface);
        }
    }

    /// Detaches everything, pinned or not.
    pub fn detach(&mut self) {
        for (_, held) in self.held.drain().map(|(_, held)| held) {
            if let Held::Pinned { path, .. } = held {
                let _ = pins::remove_link(&path);
            }
        }
    }

    /// Puts this program in the place of the one that runs by a pinned link: no packet sees neither.
    fn take_over(
        &mut self,
        kernel: &mut Kernel,
        topology: &Topology,
        drivers: &mut Drivers,
        owners: &[&Interface],
    ) -> Result<(), OpenError> {
        let Some(directory) = &self.pins else { return Ok(()) };
        let found = pins::links(directory).map_err(|error| pin_error(directory, &error))?;
        for (mode, interface, path) in found {
            let wanted = self.tries(mode)
                && owners.iter().any(|owner| match mode {
                    Mode::Native => topology.carrier(owner).is_some_and(|below| below.index == interface),
                    Mode::Generic | Mode::Tc | Mode::None => owner.index == interface,
                });
            // A veth's other end may have changed its mind.
            let carrier = topology.interface(interface).filter(|_| mode == Mode::Native);
            let useful = carrier.is_none_or(|carrier| drivers.sends_frames(carrier));
            let taken = if wanted && useful { adopt(kernel, mode, &path) } else { None };
            match taken {
                Some(link) => {
                    self.held.insert(interface, (mode, Held::Pinned { _link: link, path }));
                }
                None => {
                    pins::remove_link(&path).map_err(|error| pin_error(&path, &error))?;
                    // Unknown if it never was entered.
                    let _ = kernel.devices.remove(&interface);
                }
            }
        }
        Ok(())
    }

    /// Attaches for one interface.
    pub fn cover_one(
        &mut self,
        kernel: &mut Kernel,
        topology: &Topology,
        drivers: &mut Drivers,
        owner: &Interface,
    ) -> Result<Covered, OpenError> {
        let report = |mode, reason: String| InterfaceReport { device: owner.name.clone(), mode, reason };
        let none = |reason: &str| Covered {
            owner: owner.index,
            attached: owner.index,
            report: report(Mode::None, reason.to_owned()),
        };
        if let Some(reason) = unfit(owner) {
            return Ok(none(reason));
        }
        let carrier = topology.carrier(owner);
        for known in carrier.into_iter().chain([owner]) {
            let held = self.held.get(&known.index).map(|(mode, _)| *mode);
            // In the other modes packets are without their tags, on the interface above.
            if let Some(mode) = held.filter(|mode| known == owner || *mode == Mode::Native) {
                let reason = format!("attached before{}", below(owner, known));
                let covered =
                    Covered { owner: owner.index, attached: known.index, report: report(mode, reason) };
                enter_device(kernel, topology, known, mode)?;
                return Ok(covered);
            }
        }
        let mut refusals = Vec::new();
        match carrier.filter(|_| self.tries(Mode::Native)) {
            None if !self.tries(Mode::Native) => {}
            None => refusals.push("native: tags within tags".to_owned()),
            Some(carrier) => match self.attach_native(kernel, drivers, carrier) {
                Err(reason) => refusals.push(format!("native: {reason}")),
                Ok(()) => {
                    let report =
                        report(Mode::Native, format!("the driver takes it{}", below(owner, carrier)));
                    enter_device(kernel, topology, carrier, Mode::Native)?;
                    return Ok(Covered { owner: owner.index, attached: carrier.index, report });
                }
            },
        }
        for mode in [Mode::Generic, Mode::Tc] {
            if !self.tries(mode) {
                continue;
            }
            match self.attach(kernel, owner, mode) {
                Err(reason) => refusals.push(format!("{mode}: {reason}")),
                Ok(()) => {
                    let reason = if self.only.is_some() { WISHED.to_owned() } else { refusals.join("; ") };
                    let report = report(mode, reason);
                    enter_device(kernel, topology, owner, mode)?;
                    return Ok(Covered { owner: owner.index, attached: owner.index, report });
                }
            }
        }
        Ok(none(&refusals.join("; ")))
    }

    fn tries(&self, mode: Mode) -> bool {
        self.only.is_none_or(|only| only == mode)
    }

    /// Native mode is of use only if what the program sends does leave.
    fn attach_native(
        &mut self,
        kernel: &mut Kernel,
        drivers: &mut Drivers,
        carrier: &Interface,
    ) -> Result<(), String> {
        // Of a veth pair that is known beforehand, of a driver once a program is attached.
        if carrier.kind == "veth" && !drivers.sends_frames(carrier) {
            return Err("the other end of the veth pair takes no frames (ethtool -K PEER gro on)".to_owned());
        }
        self.attach(kernel, carrier, Mode::Native)?;
        if drivers.sends_frames(carrier) {
            return Ok(());
        }
        if let Some((_, Held::Pinned { path, .. })) = self.held.remove(&carrier.index) {
            let _ = pins::remove_link(&path);
        }
        Err("the driver does not send frames".to_owned())
    }

    fn attach(&mut self, kernel: &mut Kernel, interface: &Interface, mode: Mode) -> Result<(), String> {
        let link = match mode {
            Mode::Native => attach_xdp(kernel, interface.index, XdpMode::Driver),
            Mode::Generic => attach_xdp(kernel, interface.index, XdpMode::Skb),
            Mode::Tc => attach_tc(kernel, &interface.name),
            Mode::None => return Ok(()),
        };
        let held = self.keep(link?, mode, interface.index)?;
        self.held.insert(interface.index, (mode, held));
        Ok(())
    }

    fn keep(&self, link: FdLink, mode: Mode, interface: u32) -> Result<Held, String> {
        let Some(directory) = &self.pins else {
            return Ok(Held::Ours { _link: link });
        };
        let path = pins::link_path(directory, mode, interface);
        let link = link.pin(&path).map_err(|error| format!("pinning: {error}"))?;
        Ok(Held::Pinned { _link: link, path })
    }
}

fn attach_xdp(kernel: &mut Kernel, interface: u32, mode: XdpMode) -> Result<FdLink, String> {
    let program = kernel.program().map_err(|error| error.to_string())?;
    let id = program.attach_to_if_index(interface, mode).map_err(|error| refusal(&error))?;
    let link = program.take_link(id).map_err(|error| error.to_string())?;
    FdLink::try_from(link).map_err(|_| NO_LINKS.to_owned())
}

fn attach_tc(kernel: &mut Kernel, interface: &str) -> Result<FdLink, String> {
    let program = kernel.classifier().map_err(|error| last_lines(&error))?;
    let options = TcAttachOptions::TcxOrder(LinkOrder::default());
    let id = program.attach_with_options(interface, TcAttachType::Ingress, options);
    let link = program.take_link(id.map_err(|error| refusal(&error))?).map_err(|error| error.to_string())?;
    FdLink::try_from(link).map_err(|_| NO_LINKS.to_owned())
}

/// Why nothing can be attached for this interface, whatever the mode.
pub fn unfit(owner: &Interface) -> Option<&'static str> {
    if owner.is_loopback {
        return Some("packets of the loopback interface never leave this host");
    }
    if owner.kind == "dummy" {
        return Some("packets never arrive by a dummy interface");
    }
    (!owner.is_ethernet).then_some("not Ethernet")
}

/// `None` if the link leads nowhere any more.
fn adopt(kernel: &mut Kernel, mode: Mode, path: &Path) -> Option<PinnedLink> {
    let link = FdLink::from(PinnedLink::from_pin(path).ok()?);
    if mode == Mode::Tc {
        let program = kernel.classifier().ok()?;
        let id = program.attach_to_link(SchedClassifierLink::try_from(link).ok()?).ok()?;
        drop(program.take_link(id).ok()?);
    } else {
        let program = kernel.program().ok()?;
        let id = program.attach_to_link(XdpLink::try_from(link).ok()?).ok()?;
        drop(program.take_link(id).ok()?);
    }
    PinnedLink::from_pin(path).ok()
}

/// Tells the program of an interface, or what has changed about it.
pub fn enter_device(
    kernel: &mut Kernel,
    topology: &Topology,
    attached: &Interface,
    mode: Mode,
) -> Result<(), OpenError> {
    let native = if mode == Mode::Native { DEVICE_NATIVE } else { 0 };
    let strict = if native == 0 && topology.carries_tags(attached.index) { DEVICE_STRICT } else { 0 };
    // What XDP_TX sends through a veth pair waits there until something else wakes an end without a program of its own.
    let redirects = if native != 0 && attached.kind == "veth" { DEVICE_REDIRECTS } else { 0 };
    let slot = free_slot(kernel, attached.index);
    let device = Device { slot, flags: native | strict | redirects, address: attached.address, unused: 0 };
    kernel.enter_device(attached.index, device).map_err(|error| OpenError::Load(error.to_string()))
}

/// The slot of the interface's counters: its own if it has one.
fn free_slot(kernel: &Kernel, interface: u32) -> u32 {
    let known: HashMap<u32, u32> =
        kernel.devices.iter().filter_map(Result::ok).map(|(index, device)| (index, device.slot)).collect();
    known.get(&interface).copied().unwrap_or_else(|| {
        let taken: Vec<u32> = known.into_values().collect();
        (0..).find(|slot| !taken.contains(slot)).unwrap_or_default()
    })
}

fn below(owner: &Interface, attached: &Interface) -> String {
    if owner.index == attached.index { String::new() } else { format!(" (attached to {})", attached.name) }
}

fn refusal(error: &ProgramError) -> String {
    match errno(error) {
        Some(libc::EOPNOTSUPP) => "the driver has no XDP".to_owned(),
        Some(libc::EBUSY | libc::EEXIST) => "another XDP program is attached".to_owned(),
        Some(libc::ERANGE) => "its MTU is too large for XDP".to_owned(),
        Some(code) => std::io::Error::from_raw_os_error(code).to_string(),
        None => error.to_string(),
    }
}

fn pin_error(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::Pin { path: path.to_owned(), reason: error.to_string() }
}

const WISHED: &str = "chosen by the configuration";
const NO_LINKS: &str = "this kernel has no links for it";
