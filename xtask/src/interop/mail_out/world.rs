//! A small world of hosts: network namespaces joined by a bridge, each with addresses, files and mounts of its own.
//!
//! All of it is inside namespaces that end with this process (see `enter`): whatever becomes of a run, no interface, no
//! mount, no process of it stays. Which programs a host runs is not known here.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::layer::Layer;
use crate::process;

/// Any command of a host that is to end by itself.
pub const LIMIT: Duration = Duration::from_secs(60);
/// How often something is looked for that will come.
pub const LOOK: Duration = Duration::from_millis(50);
/// A server that is told to end.
const STOP: Duration = Duration::from_secs(10);
/// Where this process itself is on the bridge.
const HERE: [&str; 2] = ["10.20.0.1/24", "fd20::1/64"];
/// Who answers questions about names.
const RESOLVER: &str = "nameserver 10.20.0.3\noptions timeout:2 attempts:2\n";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Says why no world can be made here.
///
/// # Errors
/// When this process is not root's, or a program is missing.
pub fn check_privileges() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "mail-out makes network namespaces and mounts: run it as root"
    );
    for program in [
        "ip", "unshare", "setpriv", "chroot", "mount", "openssl", "python3", "dig",
    ] {
        let mut look = Command::new("sh");
        look.args(["-c", &format!("command -v {program}")]);
        let found = process::capture(&mut look, LIMIT)?;
        ensure!(
            found.status.success(),
            "mail-out needs {program}: install it"
        );
    }
    Ok(())
}

/// This program once more, in namespaces that end with it, and it with this process.
///
/// # Errors
/// When this program's own file cannot be found.
pub fn enter() -> Result<Command> {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "--net",
            "--pid",
        ])
        .args(["--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe()?);
    Ok(command)
}

/// The bridge and what is common to all hosts.
pub struct World {
    place: PathBuf,
}

impl World {
    /// A world without hosts; `place` is seen by all of them.
    ///
    /// # Errors
    /// When the kernel refuses anything.
    pub fn create(place: &Path) -> Result<Self> {
        // Where ip(8) keeps its namespaces.
        run("mount", "-t tmpfs tmpfs /run")?;
        run("ip", "link set lo up")?;
        run("ip", "link add lab type bridge")?;
        run("ip", "link set lab up")?;
        for address in HERE {
            run("ip", &format!("address add {address} dev lab nodad"))?;
        }
        Ok(Self {
            place: place.to_owned(),
        })
    }

    /// A host, above what `layer` brought if it is given.
    ///
    /// # Errors
    /// When the kernel refuses anything.
    pub fn host(
        &self,
        name: &'static str,
        layer: Option<&Layer>,
        addresses: &[&str],
    ) -> Result<Host> {
        let files = self.place.join("hosts").join(name);
        let host = Host {
            name,
            root: files.join("root"),
            place: self.place.clone(),
        };
        for part in ["work", "root"] {
            fs::create_dir_all(files.join(part))?;
        }
        let (at, root, place) = (files.display(), host.root.display(), self.place.display());
        match layer {
            // A copy: below `/` there is no other layer, as overlays have it.
            Some(layer) => run(
                "cp",
                &format!("--archive {} {at}/upper", layer.path().display()),
            )?,
            None => fs::create_dir_all(files.join("upper"))?,
        }
        run(
            "mount",
            &format!(
                "-t overlay overlay -o lowerdir=/,upperdir={at}/upper,workdir={at}/work {root}"
            ),
        )?;
        run("mount", &format!("-t proc proc {root}/proc"))?;
        run("mount", &format!("--rbind /dev {root}/dev"))?;
        run("mount", &format!("--bind {place} {root}{place}"))?;
        host.write("/etc/resolv.conf", RESOLVER)?;
        host.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")?;
        host.connect(addresses)?;
        Ok(host)
    }
}

/// One of them. What it serves ends with its [`Service`], all the rest with the world.
pub struct Host {
    name: &'static str,
    root: PathBuf,
    place: PathBuf,
}

impl Host {
    fn connect(&self, addresses: &[&str]) -> Result<()> {
        let name = self.name;
        run("ip", &format!("netns add {name}"))?;
        run(
            "ip",
            &format!("link add to-{name} type veth peer name eth0 netns {name}"),
        )?;
        run("ip", &format!("link set to-{name} master lab up"))?;
        run("ip", &format!("-n {name} link set lo up"))?;
        run("ip", &format!("-n {name} link set eth0 up"))?;
        // A server may listen on an address that comes later.
        self.succeed("sysctl -q -w net.ipv4.ip_nonlocal_bind=1 net.ipv6.ip_nonlocal_bind=1")?;
        addresses
            .iter()
            .try_for_each(|address| self.add_address(address))
    }

    /// From now on it has this address.
    ///
    /// # Errors
    /// When it has it already.
    pub fn add_address(&self, address: &str) -> Result<()> {
        let (length, nodad) = if address.contains(':') {
            (64, " nodad")
        } else {
            (24, "")
        };
        let name = self.name;
        run(
            "ip",
            &format!("-n {name} address add {address}/{length} dev eth0{nodad}"),
        )
    }

    /// From now on this address is nobody's.
    ///
    /// # Errors
    /// When it was not this host's.
    pub fn drop_address(&self, address: &str) -> Result<()> {
        let length = if address.contains(':') { 64 } else { 24 };
        run(
            "ip",
            &format!("-n {} address del {address}/{length} dev eth0", self.name),
        )
    }

    /// Forgets who has which address on the wire.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn forget_neighbours(&self) -> Result<()> {
        run("ip", &format!("-n {} neigh flush all", self.name))
    }

    /// The words that bring a program into this host.
    pub fn through(&self) -> Vec<String> {
        let root = self.root.display().to_string();
        ["ip", "netns", "exec", self.name, "chroot", &root]
            .map(str::to_owned)
            .to_vec()
    }

    /// A program of this host; `words` are its name and arguments.
    pub fn command(&self, words: &str) -> Command {
        let through = self.through();
        let mut command = Command::new(&through[0]);
        command
            .args(&through[1..])
            .args(words.split_whitespace())
            .env("PATH", PATH);
        command
    }

    /// Runs a program of this host to its end.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn succeed(&self, words: &str) -> Result<process::Finished> {
        process::succeed(&mut self.command(words), LIMIT)
    }

    /// Runs a line of the shell on this host.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn shell(&self, line: &str) -> Result<process::Finished> {
        process::succeed(self.command("sh -e -c").arg(line), LIMIT)
    }

    /// Writes a file of this host, which everybody there may read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let path = self.root.join(path.trim_start_matches('/'));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Never through a link, which would lead out of the host.
        if path.is_symlink() {
            fs::remove_file(&path)?;
        }
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        Ok(())
    }

    /// Appends to a file of this host.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn append(&self, path: &str, text: &str) -> Result<()> {
        let there = fs::read_to_string(self.root.join(path.trim_start_matches('/')))?;
        self.write(path, &format!("{there}{text}"))
    }

    /// Starts a server; what it says goes to a file of its name.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn serve(&self, name: &'static str, words: &str) -> Result<Service> {
        let log = self.place.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = self.command(words);
        command
            .stdin(Stdio::null())
            .stdout(File::try_clone(&file)?)
            .stderr(file);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {words}"))?;
        Ok(Service { name, child, log })
    }
}

/// A server of a host. Dropped, it ends.
pub struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Service {
    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// When the server ends before, or that takes too long; its last words are told.
    pub fn await_ready(mut self, ready: impl Fn() -> bool) -> Result<Self> {
        let deadline = Instant::now() + LIMIT;
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, self.last_words());
            }
            if Instant::now() >= deadline {
                bail!("{} is not ready:\n{}", self.name, self.last_words());
            }
            std::thread::sleep(LOOK);
        }
        Ok(self)
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        process::signal(self.child.id(), Signal::TERM);
        // One that does not end in time is killed.
        let _ended = process::wait(&mut self.child, STOP);
    }
}

fn run(program: &str, words: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.args(words.split_whitespace());
    process::succeed(&mut command, LIMIT)?;
    Ok(())
}
