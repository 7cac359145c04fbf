//! What outlives the process: maps and links below a directory of a bpffs.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt, fs::DirBuilderExt},
    },
    path::{Path, PathBuf},
};

use aya::{
    Pod,
    maps::{HashMap, Map, MapData},
};

use crate::{
    earlier::{EARLIER, OldRule},
    layout::{Key, LAYOUT},
    netlink::Socket,
    report::Mode,
    topology::Topology,
};

/// What `clean` removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Interfaces that were detached.
    pub devices: Vec<String>,
    pub rules: usize,
}

/// Where this process keeps its maps and links, and where one of the layout before has kept them.
#[derive(Debug)]
pub struct Pins {
    pub directory: PathBuf,
    pub earlier: Option<PathBuf>,
}

/// Makes the directory of this layout, and removes what older ones have left. Mounts the bpffs if it has to and may.
pub fn prepare(pin_dir: &Path) -> Result<Pins, String> {
    if !is_on_bpffs(pin_dir) {
        mount(Path::new(BPFFS), pin_dir)?;
    }
    let of_layout = |number: u32| pin_dir.join(format!("{LAYOUT_PREFIX}{number}"));
    let (directory, earlier) = (of_layout(LAYOUT), of_layout(EARLIER));
    let failed = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
    for other in layouts(pin_dir).map_err(|error| error.to_string())? {
        if other != directory && !(other == earlier && is_layout(&other)) {
            remove(&other).map_err(|error| failed(&other, &error))?;
        }
    }
    let earlier = Some(earlier).filter(|earlier| earlier.exists());
    if earlier.is_some() && directory.exists() && links(&directory).is_ok_and(|links| links.is_empty()) {
        // Of a start that was stopped before its program was at work.
        remove(&directory).map_err(|error| failed(&directory, &error))?;
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
    made.map_err(|error| failed(&directory, &error))?;
    Ok(Pins { directory, earlier })
}

/// Removes programs, links and maps left below this directory by whatever ran before.
pub fn clean(pin_dir: &Path) -> io::Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    let topology = Topology::read(&mut Socket::routing()?)?;
    for directory in layouts(pin_dir)? {
        let interfaces = links(&directory)?.into_iter().map(|(_, interface, _)| interface);
        cleaned.devices.extend(interfaces.map(|interface| topology.name(interface)));
        cleaned.rules += count_rules(&directory);
        remove(&directory)?;
    }
    match fs::remove_dir(pin_dir).map_err(|error| error.kind()) {
        // Others have their directories in it.
        Ok(()) | Err(io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(cleaned),
        Err(kind) => Err(kind.into()),
    }
}

/// Every directory on the bpffs of this one that has layouts in it, in whatever configuration they were put there.
pub fn find(pin_dir: &Path) -> Vec<PathBuf> {
    let root = pin_dir.ancestors().filter(|path| path.exists()).take_while(|path| is_on_bpffs(path)).last();
    let mut found = Vec::new();
    if let Some(root) = root {
        search(root, SEARCH_DEPTH, &mut found);
    }
    found
}

fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let paths: Vec<PathBuf> = directories.map(|entry| entry.path()).collect();
    if paths.iter().any(|path| is_layout(path)) {
        found.push(directory.to_owned());
    }
    if depth > 0 {
        paths.iter().filter(|path| !is_layout(path)).for_each(|path| search(path, depth - 1, found));
    }
}

/// Ours, not somebody else's directory of that name.
fn is_layout(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_bytes().starts_with(LAYOUT_PREFIX.as_bytes())
        && path.join("rules").exists()
        && path.join("hops").exists()
}

/// The links pinned in a layout's directory.
pub fn links(directory: &Path) -> io::Result<Vec<(Mode, u32, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split_once('_'));
        let Some((mode, index)) = name else { continue };
        let mode =
            [Mode::Native, Mode::Generic, Mode::Tc].into_iter().find(|known| known.to_string() == mode);
        if let (Some(mode), Ok(index)) = (mode, index.parse()) {
            found.push((mode, index, path));
        }
    }
    Ok(found)
}

pub fn link_path(directory: &Path, mode: Mode, interface: u32) -> PathBuf {
    directory.join(format!("{mode}_{interface}"))
}

/// Detaches a pinned link and removes its pin. Removing alone detaches only when the kernel gets round to it, and not
/// while a process has the link open: until then the interface refuses the next program.
pub fn remove_link(path: &Path) -> io::Result<()> {
    // One that cannot be opened or detached any more leads nowhere.
    if let Ok(link) = open_pin(path) {
        let mut detach = LinkDetach { link: link.as_raw_fd() as u32 };
        // SAFETY: the command takes these attributes.
        let _ = unsafe { bpf(BPF_LINK_DETACH, &mut detach) };
    }
    fs::remove_file(path)
}

fn open_pin(path: &Path) -> io::Result<OwnedFd> {
    let text = CString::new(path.as_os_str().as_bytes())?;
    let mut get = ObjectGet { path: text.as_ptr() as u64, descriptor: 0, flags: 0 };
    // SAFETY: the command takes these attributes, their path ends with a zero byte, and the descriptor is made for us.
    unsafe { Ok(OwnedFd::from_raw_fd(bpf(BPF_OBJ_GET, &mut get)?)) }
}

/// # Safety
/// The command has to take a `T`, in which every address is valid.
unsafe fn bpf<T>(command: libc::c_int, attributes: &mut T) -> io::Result<RawFd> {
    // SAFETY: size and address are those of the attributes.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as RawFd) }
}

/// What `BPF_OBJ_GET` takes (`union bpf_attr` of linux/bpf.h).
#[repr(C)]
struct ObjectGet {
    path: u64,
    descriptor: u32,
    flags: u32,
}

/// What `BPF_LINK_DETACH` takes.
#[repr(C)]
struct LinkDetach {
    link: u32,
}

fn layouts(pin_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(pin_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().as_bytes().starts_with(LAYOUT_PREFIX.as_bytes()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Links go first, so that no program runs on maps that are gone. Other layouts have other maps.
pub fn remove(directory: &Path) -> io::Result<()> {
    for (_, _, path) in links(directory)? {
        remove_link(&path)?;
    }
    for entry in fs::read_dir(directory)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(directory)
}

fn count_rules(directory: &Path) -> usize {
    count_as::<u32>(directory).or_else(|| count_as::<OldRule>(directory)).unwrap_or(0)
}

/// `None` if the values are others.
fn count_as<T: Pod>(directory: &Path) -> Option<usize> {
    let data = MapData::from_pin(directory.join("rules")).ok()?;
    let rules = HashMap::<_, Key, T>::try_from(Map::HashMap(data)).ok()?;
    Some(rules.keys().filter(Result::is_ok).count())
}

fn is_on_bpffs(path: &Path) -> bool {
    const BPF_FS_MAGIC: u32 = 0xcafe_4a11;
    let Some(existing) = path.ancestors().find(|path| path.exists()) else { return false };
    let Ok(text) = CString::new(existing.as_os_str().as_bytes()) else { return false };
    // SAFETY: all zero is a valid value, and the path ends with a zero byte.
    let (result, facts) = unsafe {
        let mut facts: libc::statfs = std::mem::zeroed();
        (libc::statfs(text.as_ptr(), &raw mut facts), facts)
    };
    result == 0 && facts.f_type as u32 == BPF_FS_MAGIC
}

fn mount(at: &Path, wanted: &Path) -> Result<(), String> {
    if !wanted.starts_with(at) {
        return Err(format!("{} is not on a bpffs", wanted.display()));
    }
    let text = CString::new(at.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    // SAFETY: all strings end with a zero byte.
    let result = unsafe {
        libc::mount(c"bpf".as_ptr(), text.as_ptr(), c"bpf".as_ptr(), 0, c"mode=0755".as_ptr().cast())
    };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    let at = at.display();
    Err(format!("no bpffs at {at}, and mounting it failed ({error}); as root: mount -t bpf bpf {at}"))
}

const BPF_OBJ_GET: libc::c_int = 7;
const BPF_LINK_DETACH: libc::c_int = 34;
const BPFFS: &str = "/sys/fs/bpf";
/// Directories between the bpffs and a pin directory at most.
const SEARCH_DEPTH: usize = 6;
const LAYOUT_PREFIX: &str = "layout_";
