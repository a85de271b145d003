//! A disk whose power can be cut: an ext4 image on a loop device, shut down by ioctl without flushing its journal.
//!
//! What had reached the device stays, what was only in the page cache is gone: the disk is an honest one that keeps what
//! it said it wrote. Disks that lie about their cache are not imitated.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// `ioctl(fd, EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH)`: from now on every operation fails, nothing is written
/// back. Python, because an ioctl takes `unsafe` in Rust, and this project has none.
const CUT: &str = "import fcntl, os, struct, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(descriptor, 0x8004587d, struct.pack('I', 2))
os.close(descriptor)";

/// Any of the commands here.
const LIMIT: Duration = Duration::from_secs(60);

/// Root and loop devices, or a clear word.
///
/// # Errors
/// When this process may not mount, or a program for it is missing.
pub fn check_privileges() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!(
            "power cuts and small disks mount a disk image: run as root, or name the kinds of torture that do not"
        );
    }
    if !Path::new("/dev/loop-control").exists() {
        bail!("power cuts and small disks need loop devices, and /dev/loop-control is not there");
    }
    for program in ["mkfs.ext4", "mount", "umount", "python3"] {
        let found = process::capture(
            Command::new("sh").args(["-c", &format!("command -v {program}")]),
            LIMIT,
        )?;
        if !found.status.success() {
            bail!("power cuts and small disks need {program}: install it");
        }
    }
    Ok(())
}

/// The image and the place it is mounted at. Dropped, it is unmounted.
pub struct Disk {
    image: PathBuf,
    mount_point: PathBuf,
}

impl Disk {
    /// Makes an empty file system of so many octets in `place`, in a sparse file; it is not mounted yet.
    ///
    /// # Errors
    /// When the image cannot be made.
    pub fn create(place: &Path, octets: u64) -> Result<Self> {
        let disk = Self {
            image: place.join("disk.img"),
            mount_point: place.join("mnt"),
        };
        fs::create_dir_all(&disk.mount_point)?;
        File::create(&disk.image)?.set_len(octets)?;
        process::succeed(
            Command::new("mkfs.ext4")
                .args(["-q", "-F"])
                .arg(&disk.image),
            LIMIT,
        )?;
        Ok(disk)
    }

    /// Where its files are while it is mounted.
    pub fn mount_point(&self) -> &Path {
        &self.mount_point
    }

    /// Mounts it; after a cut this replays the journal.
    ///
    /// # Errors
    /// When mount(8) fails: no loop device left, or the file system is beyond repair.
    pub fn mount(&self) -> Result<()> {
        process::succeed(
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(&self.image)
                .arg(&self.mount_point),
            LIMIT,
        )?;
        Ok(())
    }

    /// Cuts the power: the file system stops at once and keeps nothing that was not written yet.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn cut(&self) -> Result<()> {
        process::succeed(
            Command::new("python3")
                .args(["-c", CUT])
                .arg(&self.mount_point),
            LIMIT,
        )
        .context("cutting the power")?;
        Ok(())
    }

    /// Unmounts it; the last descriptors of a killed process may take a moment to go.
    ///
    /// # Errors
    /// When it is still busy after a few seconds.
    pub fn unmount(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match process::succeed(Command::new("umount").arg(&self.mount_point), LIMIT) {
                Ok(_) => return Ok(()),
                Err(busy) if Instant::now() >= deadline => return Err(busy),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn mounted(&self) -> bool {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let place = self.mount_point.to_string_lossy();
        mounts
            .lines()
            .any(|line| line.split(' ').nth(1) == Some(&*place))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted()
            && let Err(error) = self.unmount()
        {
            eprintln!("{} is still mounted: {error:#}", self.mount_point.display());
        }
    }
}
