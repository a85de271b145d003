//! `cargo xtask deb`: the Debian package, made by cargo-deb around the release build and the completions it writes.
//!
//! What is in the package is said in crates/tegami/Cargo.toml, what happens at its installation in config/deb. Trying
//! it is `cargo xtask interop --package`.

mod notices;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{binary, process, workspace};

/// Compiling cargo-deb on two cores, with air.
const INSTALL: Duration = Duration::from_secs(30 * 60);
/// Compressing the package.
const PACK: Duration = Duration::from_secs(5 * 60);

/// Each shell's completions, by the name its users' system looks for.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "tegami.bash"),
    ("zsh", "_tegami"),
    ("fish", "tegami.fish"),
];

/// Builds the package and says where it is.
///
/// # Errors
/// When cargo-deb cannot be installed, or anything cannot be built.
pub fn run() -> Result<()> {
    let package = build(&workspace::target().join("debian"))?;
    println!("{}", package.display());
    Ok(())
}

/// Builds the package into a directory.
///
/// # Errors
/// As [`run`].
pub fn build(into: &Path) -> Result<PathBuf> {
    install()?;
    let binary = binary::release(None)?;
    completions(&binary)?;
    let beside = binary.parent().context("a binary without a directory")?;
    fs::write(beside.join("copyright"), notices::text()?)?;
    fs::create_dir_all(into)?;
    let mut pack = Command::new("cargo");
    pack.args(["deb", "--no-build", "--package", "tegami", "--strip"])
        .arg("--output")
        .arg(into.join(""))
        .current_dir(workspace::root());
    let packed = process::succeed(&mut pack, PACK)?;
    let named = String::from_utf8_lossy(&packed.stdout).trim().to_owned();
    let package = PathBuf::from(&named);
    if !package.is_file() {
        bail!("cargo-deb says it wrote {named:?}, and there is no such file");
    }
    Ok(package)
}

fn install() -> Result<()> {
    let there = process::capture(Command::new("cargo").args(["deb", "--version"]), PACK)?;
    if there.status.success() {
        return Ok(());
    }
    println!("installing cargo-deb");
    let mut install = Command::new("cargo");
    install.args(["install", "--locked", "cargo-deb@^3"]);
    if !process::follow(&mut install, INSTALL)? {
        bail!("cargo-deb is needed: install it with `cargo install cargo-deb`");
    }
    Ok(())
}

/// Written beside the binary, where cargo-deb looks for what the release build made.
fn completions(binary: &Path) -> Result<()> {
    let place = binary
        .parent()
        .context("a binary without a directory")?
        .join("completions");
    fs::create_dir_all(&place)?;
    for (shell, file) in COMPLETIONS {
        let written = process::succeed(Command::new(binary).args(["completions", shell]), PACK)?;
        fs::write(place.join(file), written.stdout)?;
    }
    Ok(())
}
