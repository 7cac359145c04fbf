//! A BPF array in our own memory: reading and writing without system calls.

use std::{
    io,
    marker::PhantomData,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

/// Values that begin with a version, odd while somebody writes.
///
/// # Safety
/// `repr(C)`, a multiple of 8 bytes, any bit pattern is a value, and the first four bytes are the version.
pub unsafe trait Versioned: Copy {}

// SAFETY: see the structure.
unsafe impl Versioned for crate::layout::State {}
// SAFETY: see the structure.
unsafe impl Versioned for crate::layout::Hop {}
// SAFETY: see the structure.
unsafe impl Versioned for crate::layout::Details {}

#[derive(Debug)]
pub struct MappedArray<T> {
    base: NonNull<T>,
    len: u32,
    bytes: usize,
    values: PhantomData<T>,
}

// SAFETY: the memory is shared with the kernel anyhow; every access is volatile or atomic, below.
unsafe impl<T: Copy> Send for MappedArray<T> {}
// SAFETY: as above; writers are told to be alone.
unsafe impl<T: Copy> Sync for MappedArray<T> {}

impl<T: Copy> MappedArray<T> {
    pub fn new(map: BorrowedFd<'_>, len: u32) -> io::Result<Self> {
        let page = 4096;
        let bytes = (len as usize * size_of::<T>()).next_multiple_of(page);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of a map that stays as long as it is mapped.
        let base = unsafe {
            libc::mmap(std::ptr::null_mut(), bytes, protection, libc::MAP_SHARED, map.as_raw_fd(), 0)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(MappedArray { base, len, bytes, values: PhantomData })
    }

    pub fn len(&self) -> u32 {
        self.len
    }

    fn at(&self, index: u32) -> Option<NonNull<T>> {
        // SAFETY: within the mapping.
        (index < self.len).then(|| unsafe { self.base.add(index as usize) })
    }
}

impl MappedArray<u64> {
    /// 0 beyond its end.
    pub fn get(&self, index: u32) -> u64 {
        // SAFETY: within the mapping, aligned, alive as long as it; whoever shares it writes whole words.
        self.at(index).map_or(0, |at| unsafe { AtomicU64::from_ptr(at.as_ptr()) }.load(Ordering::Acquire))
    }

    /// Whatever was written elsewhere before is seen by whoever sees this.
    pub fn set(&self, index: u32, value: u64) {
        if let Some(at) = self.at(index) {
            // SAFETY: as above.
            unsafe { AtomicU64::from_ptr(at.as_ptr()) }.store(value, Ordering::Release);
        }
    }
}

impl<T: Versioned> MappedArray<T> {
    /// A value nobody was changing while it was read; the last attempt's if it changes all the time.
    pub fn read(&self, index: u32) -> Option<T> {
        let at = self.at(index)?;
        let mut value = None;
        for _ in 0..ATTEMPTS {
            let before = self.version(at).load(Ordering::Acquire);
            // SAFETY: `at` lies in the mapping and is aligned; other writers are why this is volatile and tried again.
            let copy = unsafe { at.as_ptr().read_volatile() };
            fence(Ordering::Acquire);
            value = Some(copy);
            if before & 1 == 0 && self.version(at).load(Ordering::Relaxed) == before {
                break;
            }
            std::hint::spin_loop();
        }
        value
    }

    /// Replaces a value. The caller is the only writer in this process; `store` leaves the version alone.
    pub fn write(&self, index: u32, value: T) {
        let Some(at) = self.at(index) else { return };
        let version = self.version(at);
        let odd = version.load(Ordering::Relaxed) | 1;
        version.store(odd, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let rest = size_of::<T>() - size_of::<u32>();
        // SAFETY: both lie within a T; the version in front stays as it is.
        unsafe {
            let from = (&raw const value).cast::<u8>().add(size_of::<u32>());
            let to = at.as_ptr().cast::<u8>().add(size_of::<u32>());
            std::ptr::copy_nonoverlapping(from, to, rest);
        }
        version.store(odd.wrapping_add(1), Ordering::Release);
    }

    /// Replaces one word of a value at once, so many bytes behind its beginning.
    pub fn write_word(&self, index: u32, offset: usize, word: u32) {
        if let Some(at) = self.word(index, offset) {
            at.store(word, Ordering::Release);
        }
    }

    /// The same for two words.
    pub fn write_long(&self, index: u32, offset: usize, long: u64) {
        assert!(offset.is_multiple_of(8) && offset + 8 <= size_of::<T>());
        if let Some(at) = self.at(index) {
            // SAFETY: within a value, aligned, alive as long as the mapping.
            let at = unsafe { AtomicU64::from_ptr(at.as_ptr().cast::<u8>().add(offset).cast()) };
            at.store(long, Ordering::Release);
        }
    }

    pub fn add_to_word(&self, index: u32, offset: usize, count: u32) {
        if let Some(at) = self.word(index, offset) {
            at.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn word(&self, index: u32, offset: usize) -> Option<&AtomicU32> {
        assert!(offset.is_multiple_of(4) && offset + 4 <= size_of::<T>());
        // SAFETY: within a value, aligned, alive as long as the mapping.
        self.at(index).map(|at| unsafe { AtomicU32::from_ptr(at.as_ptr().cast::<u8>().add(offset).cast()) })
    }

    /// As if a writer had been stopped in the midst of it.
    #[cfg(test)]
    pub fn leave_odd(&self, index: u32) {
        if let Some(at) = self.at(index) {
            self.version(at).fetch_or(1, Ordering::SeqCst);
        }
    }

    fn version(&self, at: NonNull<T>) -> &AtomicU32 {
        // SAFETY: the first four bytes of a value, aligned to 8, alive as long as the mapping.
        unsafe { AtomicU32::from_ptr(at.as_ptr().cast()) }
    }
}

impl<T> Drop for MappedArray<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and nobody borrows from it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

const ATTEMPTS: usize = 64;
