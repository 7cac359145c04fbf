//! The fast path as the data plane sees it.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    DeviceCounters, InstallError, InterfaceReport, MOST_PAYLOADS, Mode, OpenError, Progress, Rule, RuleIndex,
    RuleStats,
    attach::{Attacher, Covered, enter_device, unfit},
    copies::{Copied, Copies},
    earlier,
    hops::Hops,
    kernel::{self, Kernel},
    layout::{OUTCOMES, State, Way},
    mapped::MappedArray,
    netlink::{Change, Interface, Socket},
    pins, privileges,
    rules::Entry,
    self_test,
    topology::Topology,
};

#[derive(Debug, Clone)]
pub struct Options {
    /// Interfaces to cover; if empty, those that own `addresses`.
    pub devices: Vec<String>,
    /// The addresses media arrives at.
    pub addresses: Vec<IpAddr>,
    /// Below a bpffs: what is kept there goes on without this process. `None`: all ends with it.
    pub pin_dir: Option<PathBuf>,
    /// Rules at most. Pinned maps keep the capacity they were made with.
    pub capacity: u32,
}

/// The loaded program with its maps. May be shared by threads; reading statistics takes no lock and no system call.
#[derive(Debug)]
pub struct FastPath {
    states: Arc<MappedArray<State>>,
    changes: OwnedFd,
    not_pinned: Option<String>,
    copies: Mutex<Copies>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    kernel: Kernel,
    attacher: Attacher,
    hops: Hops,
    topology: Topology,
    questions: Socket,
    announcements: Socket,
    covered: Vec<Covered>,
    installed: HashMap<u32, Installed>,
    /// Indices in the order in which they were freed: what a core still writes of an old rule hurts no new one.
    free: VecDeque<u32>,
    adopted: Vec<(Rule, RuleIndex)>,
    /// When neighbours were confirmed last.
    confirmed: Option<Instant>,
    options: Options,
    /// Of what shall be covered and does not exist.
    unknown: Vec<InterfaceReport>,
}

#[derive(Debug)]
struct Installed {
    rule: Rule,
    way: Way,
}

impl FastPath {
    /// Loads and attaches. What was pinned before is taken over; each covered interface has its report.
    pub fn open(options: &Options) -> Result<(FastPath, Vec<InterfaceReport>), OpenError> {
        Self::open_by(options, None)
    }

    /// The same in this mode only.
    pub fn open_by(
        options: &Options,
        only: Option<Mode>,
    ) -> Result<(FastPath, Vec<InterfaceReport>), OpenError> {
        let missing = privileges::missing();
        if !missing.is_empty() {
            return Err(OpenError::NotPermitted(missing));
        }
        let mut questions = Socket::routing().map_err(OpenError::Netlink)?;
        let announcements = Socket::announcements().map_err(OpenError::Netlink)?;
        let changes = announcements.as_fd().try_clone_to_owned().map_err(OpenError::Netlink)?;
        let topology = Topology::read(&mut questions).map_err(OpenError::Netlink)?;
        let (owners, unknown) = topology.owners(options);
        let mut reports = unknown.clone();
        if owners.iter().all(|owner| unfit(owner).is_some()) {
            reports.extend(owners.iter().map(|owner| InterfaceReport {
                device: owner.name.clone(),
                mode: Mode::None,
                reason: unfit(owner).unwrap_or_default().to_owned(),
            }));
            return Err(no_interface(options, reports));
        }
        let (pins, not_pinned) = match options.pin_dir.as_deref().map(pins::prepare) {
            None => (None, Some("not asked for".to_owned())),
            Some(Err(reason)) => (None, Some(reason)),
            Some(Ok(pins)) => (Some(pins), None),
        };
        let (pins, earlier) = pins.map_or((None, None), |pins| (Some(pins.directory), pins.earlier));
        let mut kernel = Kernel::load(pins.as_deref(), options.capacity)?;
        let states = kernel.rules.states.clone();
        let hops_map = kernel.take_hops().map_err(OpenError::Netlink)?;
        let copies = kernel.take_copies().map_err(OpenError::Netlink)?;
        let earlier = earlier.zip(pins.as_deref()).map(|(from, to)| {
            let taken = earlier::take(&from, to, &mut kernel, &hops_map);
            (from, taken)
        });
        let mut hops = Hops::new(hops_map).map_err(OpenError::Netlink)?;
        let taken_over = kernel.rules.take_over();
        taken_over.iter().for_each(|entry| hops.reserve(entry.hop));
        self_test::run(&mut kernel, &mut hops)?;
        let mut attacher = Attacher::new(pins, only);
        let covered = attacher.cover(&mut kernel, &topology, hops.drivers(), &owners)?;
        if let Some((directory, taken)) = earlier {
            taken.into_iter().for_each(|taken| taken.finish(&kernel));
            let _ = pins::remove(&directory);
        }
        reports.extend(covered.iter().map(|covered| covered.report.clone()));
        if reports.iter().all(|report| report.mode == Mode::None) {
            return Err(no_interface(options, reports));
        }
        let free = (0..states.len()).collect();
        let mut inner = Inner {
            kernel,
            attacher,
            hops,
            topology,
            questions,
            announcements,
            covered,
            installed: HashMap::new(),
            free,
            adopted: Vec::new(),
            confirmed: None,
            options: options.clone(),
            unknown,
        };
        inner.take_over_rules(taken_over);
        let (copies, inner) = (Mutex::new(copies), Mutex::new(inner));
        Ok((FastPath { states, changes, not_pinned, copies, inner }, reports))
    }

    /// Why relaying ends with this process; `None` if it does not.
    pub fn not_pinned(&self) -> Option<&str> {
        self.not_pinned.as_deref()
    }

    /// Relays from now on, measuring on from `progress`.
    pub fn install(&self, rule: &Rule, progress: &Progress) -> Result<RuleIndex, InstallError> {
        if rule.payloads.len() > MOST_PAYLOADS {
            return Err(InstallError::TooManyPayloads);
        }
        let mut inner = self.lock();
        let way = inner.way(rule)?;
        let installed = inner.enter(rule, progress, way);
        if installed.is_err() {
            inner.hops.release(way.hop);
        }
        installed
    }

    /// Packets go up from now on. `None` if the rule was not installed.
    pub fn withdraw(&self, index: RuleIndex) -> Option<RuleStats> {
        let mut inner = self.lock();
        let installed = inner.installed.remove(&index.0)?;
        let stats = inner.kernel.rules.remove(index.0, &installed.rule);
        inner.hops.release(installed.way.hop);
        inner.free.push_back(index.0);
        stats
    }

    /// Has packets of a rule copied or not from now on; none is lost. False if the rule is not installed.
    pub fn copy(&self, index: RuleIndex, token: Option<u64>) -> bool {
        let mut inner = self.lock();
        let Inner { kernel, installed, .. } = &mut *inner;
        let Some(installed) = installed.get_mut(&index.0) else { return false };
        installed.rule.copy = token;
        kernel.rules.copy(index.0, token)
    }

    /// Shows at most `most` copies, oldest first, and returns how many there were; also what was copied for a process before
    /// this one. Nobody is told when there are some: to be called every few milliseconds. Callers wait for each other.
    pub fn read_copies(&self, most: usize, show: impl FnMut(Copied<'_>)) -> usize {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner).read(most, show)
    }

    /// Copies for which there was no room, of all rules since the maps were made.
    pub fn copies_lost(&self) -> u64 {
        self.lock().kernel.copies_lost()
    }

    /// `None` if the rule is not installed.
    pub fn stats(&self, index: RuleIndex) -> Option<RuleStats> {
        let state = self.states.read(index.0)?;
        (state.in_use != 0).then(|| state.stats())
    }

    /// The rules found in pinned maps when opening. Who does not claim one withdraws it.
    pub fn adopt(&self) -> Vec<(Rule, RuleIndex)> {
        std::mem::take(&mut self.lock().adopted)
    }

    /// Readable when routes, neighbours or links changed: time for `refresh`.
    pub fn changes(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// Follows changes of routes, neighbours and interfaces, and has the kernel confirm neighbours in use, which it
    /// believes idle. Call it when `changes` is readable and every few seconds. Returns the rules whose packets cannot
    /// leave any more: they go up meanwhile, and should be withdrawn.
    pub fn refresh(&self) -> Vec<(RuleIndex, InstallError)> {
        let mut inner = self.lock();
        if inner.confirmed.is_none_or(|at| at.elapsed() >= CONFIRM_EVERY) {
            inner.hops.keep_fresh();
            inner.confirmed = Some(Instant::now());
        }
        let changes = inner.announcements.changes();
        if changes.contains(&Change::Topology) {
            return inner.follow_topology();
        }
        let Inner { hops, topology, .. } = &mut *inner;
        hops.update(topology, |interface, address| {
            changes.contains(&Change::Neighbour { interface, address })
        });
        Vec::new()
    }

    /// How packets arrive by each interface, as it is now.
    pub fn reports(&self) -> Vec<InterfaceReport> {
        let inner = self.lock();
        let covered = inner.covered.iter().map(|covered| &covered.report);
        inner.unknown.iter().chain(covered).cloned().collect()
    }

    pub fn counters(&self) -> Vec<DeviceCounters> {
        let inner = self.lock();
        let counters = inner.covered.iter().filter_map(|covered| {
            let device = inner.kernel.devices.get(&covered.attached, 0).ok()?;
            let counted = inner.kernel.counters(device.slot);
            Some(DeviceCounters {
                device: covered.report.device.clone(),
                forwarded: counted[0],
                passed: OUTCOMES.into_iter().zip(counted).skip(1).collect(),
            })
        });
        counters.collect()
    }

    /// Detaches and removes whatever is pinned. Merely dropping a `FastPath` leaves pinned parts at work.
    pub fn close(self) {
        let mut inner = self.lock();
        inner.attacher.detach();
        if let Some(directory) = &inner.options.pin_dir {
            let _ = pins::clean(directory);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// How packets of this rule arrive and leave. Takes a use of the hop, which the caller gives back.
    fn way(&mut self, rule: &Rule) -> Result<Way, InstallError> {
        let local = rule.local.ip();
        let arrival = self.topology.owner(local).map(|owner| owner.index);
        let covered = self.covered.iter().find(|covered| Some(covered.owner) == arrival);
        let covered = covered.filter(|covered| covered.report.mode != Mode::None);
        let covered = covered.ok_or(InstallError::NoIngress(local))?;
        let translates = rule.local.is_ipv4() != rule.from.is_ipv4();
        if covered.report.mode == Mode::Tc && translates {
            let reason = "tc does not translate between IPv4 and IPv6".to_owned();
            return Err(InstallError::Egress { device: covered.report.device.clone(), reason });
        }
        let hop = self.hops.acquire(&self.topology, rule.from.ip(), rule.to.ip())?;
        let device = self.hops.device(hop);
        if covered.report.mode == Mode::Native && !self.hops.sends_frames(hop) {
            self.hops.release(hop);
            let device = self.topology.name(device);
            let reason =
                format!("its driver takes no frames from {}, which runs natively", covered.report.device);
            return Err(InstallError::Egress { device, reason });
        }
        Ok(Way { hop, arrival_device: covered.owner, ttl: self.hops.ttl(rule.from.ip()) })
    }

    fn enter(&mut self, rule: &Rule, progress: &Progress, way: Way) -> Result<RuleIndex, InstallError> {
        let full = InstallError::MapFull(self.kernel.rules.states.len());
        let Some(index) = self.free.pop_front() else { return Err(full) };
        if let Err(error) = self.kernel.rules.insert(index, rule, way, State::beginning(progress)) {
            self.free.push_front(index);
            return Err(match kernel::errno(&error) {
                Some(libc::EEXIST) => InstallError::Taken,
                Some(libc::E2BIG) => full,
                _ => InstallError::Refused(error.to_string()),
            });
        }
        self.installed.insert(index, Installed { rule: rule.clone(), way });
        Ok(RuleIndex(index))
    }

    /// Finds new hops for the rules of another process; their old ones, reserved before anybody could take them, stay as
    /// they are until then.
    fn take_over_rules(&mut self, found: Vec<Entry>) {
        for Entry { rule, index, hop } in found {
            match self.way(&rule) {
                Ok(way) if self.kernel.rules.redirect(index, &rule, way) => {
                    self.adopted.push((rule.clone(), RuleIndex(index)));
                    self.installed.insert(index, Installed { rule, way });
                }
                _ => {
                    self.kernel.rules.remove(index, &rule);
                }
            }
            self.hops.release(hop);
        }
        let installed = &self.installed;
        self.free.retain(|index| !installed.contains_key(index));
    }

    /// Covers interfaces that have come, as containers' do, and lets go of those that are gone.
    fn follow_interfaces(&mut self) {
        let Inner { kernel, attacher, hops, topology, covered, options, .. } = self;
        let exists = |interface| topology.interface(interface).is_some();
        covered.retain(|covered| exists(covered.owner) && exists(covered.attached));
        let (owners, unknown) = topology.owners(options);
        let is_covered = |owner: &Interface| covered.iter().any(|covered| covered.owner == owner.index);
        let new: Vec<&Interface> = owners.into_iter().filter(|owner| !is_covered(owner)).collect();
        for owner in new {
            covered.extend(attacher.cover_one(kernel, topology, hops.drivers(), owner));
        }
        attacher.release_unused(kernel, covered);
        self.unknown = unknown;
    }

    fn follow_topology(&mut self) -> Vec<(RuleIndex, InstallError)> {
        let Ok(topology) = Topology::read(&mut self.questions) else { return Vec::new() };
        self.topology = topology;
        self.follow_interfaces();
        for covered in self.covered.iter().filter(|covered| covered.report.mode != Mode::None) {
            if let Some(attached) = self.topology.interface(covered.attached) {
                // Link-layer addresses change; until the program knows, packets go up.
                let _ = enter_device(&mut self.kernel, &self.topology, attached, covered.report.mode);
            }
        }
        self.hops.update(&self.topology, |_, _| true);
        let rules: Vec<(u32, Rule)> =
            self.installed.iter().map(|(index, installed)| (*index, installed.rule.clone())).collect();
        let mut stranded = Vec::new();
        for (index, rule) in rules {
            match self.way(&rule) {
                Err(reason) => stranded.push((RuleIndex(index), reason)),
                Ok(way) => {
                    let Some(before) = self.installed.get(&index).map(|installed| installed.way) else {
                        continue;
                    };
                    if way != before && !self.kernel.rules.redirect(index, &rule, way) {
                        self.hops.release(way.hop);
                        continue;
                    }
                    if let Some(installed) = self.installed.get_mut(&index) {
                        installed.way = way;
                    }
                    self.hops.release(before.hop);
                }
            }
        }
        stranded
    }
}

/// Nothing of an earlier configuration stays either.
fn no_interface(options: &Options, reports: Vec<InterfaceReport>) -> OpenError {
    if let Some(directory) = options.pin_dir.as_deref().filter(|directory| directory.exists()) {
        let _ = pins::clean(directory);
    }
    OpenError::NoInterface(reports)
}

/// Well within the kernel's patience with a neighbour that is not there any more.
const CONFIRM_EVERY: Duration = Duration::from_secs(5);
