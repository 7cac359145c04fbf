//! Several data planes on one host keep apart what they leave in the kernel, each below a folder of its own.

use std::{
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    os::linux::net::SocketAddrExt,
    os::unix::net::{SocketAddr, UnixListener},
    path::{Path, PathBuf},
    sync::Mutex,
};

use rustix::fs::{FlockOperation, flock};

use super::clear_pinned;

/// The name of a data plane, the same after it was killed and started again: it follows from its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance(String);

/// Tells others that an instance is alive, for as long as it is: those of this network by a socket, those that share the
/// BPF file system by a lock.
#[derive(Debug)]
#[expect(dead_code, reason = "closed by the kernel when the process ends")]
pub struct Alive {
    socket: UnixListener,
    /// `None` where nothing can be pinned.
    folder: Option<File>,
}

/// Others can tell that we live; not yet, if one of them was looking just as we said so.
#[derive(Debug)]
pub struct Presence {
    instance: Instance,
    folder: PathBuf,
    alive: Mutex<Option<Alive>>,
}

impl Presence {
    pub fn new(instance: Instance, folder: PathBuf) -> Self {
        let alive = Mutex::new(instance.live(&folder));
        Presence { instance, folder, alive }
    }

    /// Says so again where it could not be said before.
    pub fn insist(&self) {
        let mut alive = super::lock(&self.alive);
        if alive.is_none() {
            *alive = self.instance.live(&self.folder);
        }
    }
}

impl Instance {
    pub fn of(socket: &Path) -> Self {
        let mut hasher = DefaultHasher::new();
        std::path::absolute(socket).unwrap_or_else(|_| socket.to_owned()).hash(&mut hasher);
        Instance(format!("{:016x}", hasher.finish()))
    }

    pub fn folder(&self, pin_directory: &Path) -> PathBuf {
        pin_directory.join(&self.0)
    }

    /// `None` if the instance is alive already.
    pub fn live(&self, folder: &Path) -> Option<Alive> {
        let address = SocketAddr::from_abstract_name(format!("tandem-fast-path-{}", self.0)).ok()?;
        let socket = UnixListener::bind_addr(&address).ok()?;
        match File::open(folder) {
            Ok(folder) => lock(folder).map(|folder| Alive { socket, folder: Some(folder) }),
            Err(_) => Some(Alive { socket, folder: None }),
        }
    }

    /// Whose folder this is. `None`: of a version that had none.
    fn owning(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?;
        let is_instance = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_instance.then(|| Instance(name.to_owned()))
    }
}

fn lock(folder: File) -> Option<File> {
    flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(folder)
}

/// Removes what data planes that do not live any more have left, wherever on this BPF file system: below this directory,
/// below the one of another configuration, or where versions before put it. `ours` is who asks.
pub fn clear_dead(pin_directory: &Path, ours: Option<&Instance>) {
    let in_use = ours.map(|ours| ours.folder(pin_directory));
    for folder in fastpath::find(pin_directory).into_iter().filter(|folder| Some(folder) != in_use.as_ref()) {
        let is_dead = match Instance::owning(&folder) {
            // We live, but not there any more.
            Some(instance) if Some(&instance) == ours => File::open(&folder).ok().and_then(lock).is_some(),
            Some(instance) => instance.live(&folder).is_some(),
            None => true,
        };
        if is_dead {
            clear_pinned(&folder);
        }
    }
}

/// Removes at once what we ourselves have left below another directory: our interfaces are free then, and nobody could
/// claim a rule there.
pub fn clear_elsewhere(in_use: &Path, ours: &Instance) {
    let found = fastpath::find(in_use).into_iter();
    for folder in found.filter(|folder| folder != in_use && Instance::owning(folder).as_ref() == Some(ours)) {
        if File::open(&folder).ok().and_then(lock).is_some() {
            clear_pinned(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_the_same_name_after_a_restart_and_another_one_than_its_neighbours() {
        let name = |path: &str| Instance::of(Path::new(path));
        assert_eq!(name("/run/tandem/dataplane.sock"), name("/run/tandem/dataplane.sock"));
        assert_ne!(name("/run/tandem/dataplane.sock"), name("/run/other/dataplane.sock"));
        let folder = name("/run/tandem/dataplane.sock").folder(Path::new("/sys/fs/bpf/tandem"));
        assert_eq!(Instance::owning(&folder), Some(name("/run/tandem/dataplane.sock")));
        assert_eq!(Instance::owning(Path::new("/sys/fs/bpf/tandem")), None);
    }

    #[test]
    fn an_instance_that_lives_is_not_taken_for_dead() {
        let instance = Instance::of(Path::new("/nowhere/lives.sock"));
        let folder = std::env::temp_dir();
        let alive = instance.live(&folder);
        assert!(alive.is_some() && instance.live(&folder).is_none());
        drop(alive);
        assert!(instance.live(&folder).is_some());
    }

    #[test]
    fn an_instance_that_was_looked_at_as_it_started_is_alive_all_the_same() {
        let instance = Instance::of(Path::new("/nowhere/looked-at.sock"));
        let folder = std::env::temp_dir().join("tandem-instance-not-there");
        let looking = instance.live(&folder);
        let presence = Presence::new(instance.clone(), folder.clone());
        presence.insist();
        drop(looking);
        presence.insist();
        assert!(instance.live(&folder).is_none());
        presence.insist();
        drop(presence);
        assert!(instance.live(&folder).is_some());
    }

    #[test]
    fn a_folder_that_is_in_use_in_another_network_is_not_taken_for_dead() {
        let folder = std::env::temp_dir().join(format!("tandem-instance-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let elsewhere = Instance::of(Path::new("/nowhere/one.sock")).live(&folder);
        assert!(elsewhere.is_some() && Instance::of(Path::new("/nowhere/two.sock")).live(&folder).is_none());
        std::fs::remove_dir(&folder).unwrap();
    }
}
