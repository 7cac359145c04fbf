//! Several data planes on one host keep apart what they leave in the kernel, each below a folder of its own.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    os::linux::net::SocketAddrExt,
    os::unix::net::{SocketAddr, UnixListener},
    path::{Path, PathBuf},
};

use super::clear_pinned;

/// The name of a data plane, the same after it was killed and started again: it follows from its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance(String);

/// Tells others that an instance is alive, for as long as it is.
#[derive(Debug)]
pub struct Alive(#[expect(dead_code, reason = "closed by the kernel when the process ends")] UnixListener);

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
    pub fn live(&self) -> Option<Alive> {
        let address = SocketAddr::from_abstract_name(format!("tandem-fast-path-{}", self.0)).ok()?;
        UnixListener::bind_addr(&address).ok().map(Alive)
    }
}

/// Removes what data planes that do not live any more have left.
pub fn clear_dead(pin_directory: &Path, ours: Option<&Instance>) {
    for instance in instances(pin_directory).into_iter().filter(|instance| Some(instance) != ours) {
        if instance.live().is_some() {
            clear_pinned(&instance.folder(pin_directory));
        }
    }
}

/// Every instance that has left something, dead or alive.
pub fn instances(pin_directory: &Path) -> Vec<Instance> {
    let entries = fs::read_dir(pin_directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| is_instance(name)).map(Instance).collect()
}

fn is_instance(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_the_same_name_after_a_restart_and_another_one_than_its_neighbours() {
        let name = |path: &str| Instance::of(Path::new(path));
        assert_eq!(name("/run/tandem/dataplane.sock"), name("/run/tandem/dataplane.sock"));
        assert_ne!(name("/run/tandem/dataplane.sock"), name("/run/other/dataplane.sock"));
        assert!(is_instance(&name("/run/tandem/dataplane.sock").0));
    }

    #[test]
    fn an_instance_that_lives_is_not_taken_for_dead() {
        let instance = Instance::of(Path::new("/nowhere/lives.sock"));
        let alive = instance.live();
        assert!(alive.is_some() && instance.live().is_none());
        drop(alive);
        assert!(instance.live().is_some());
    }
}
