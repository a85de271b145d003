//! The configuration and the accounts file: whatever stands in them, they are taken or refused with a place, and the
//! same way each time.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use address::Domain;

use crate::pieces::Pieces;
use crate::tegami_sources::{config, declared};

/// In memory, so that writing a file takes microseconds; one per process.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = PathBuf::from(format!("/dev/shm/tegami-fuzz-{}", std::process::id()));
    fs::create_dir_all(&place).expect("a directory in memory");
    place.join("file.toml")
});

/// One octet chooses which file it is, the rest stands in it.
pub fn check(input: &[u8]) {
    let mut pieces = Pieces::new(input);
    let accounts = pieces.octet() & 1 == 1;
    let text = pieces.rest();
    // What it names is opened, and some devices never answer.
    if text
        .windows(4)
        .any(|four| four == b"/dev" || four == b"/pro")
    {
        return;
    }
    fs::write(&*FILE, text).expect("a file in memory");
    let read = if accounts { read_accounts } else { read_config };
    let outcome = read();
    if let Err(problems) = &outcome {
        assert!(!problems.is_empty(), "refused without a word");
    }
    assert_eq!(read(), outcome, "read again");
}

fn read_config() -> Result<String, String> {
    let loaded = config::load(Some(&FILE)).map_err(|error| error.to_string())?;
    Ok(format!("{loaded:?}"))
}

fn read_accounts() -> Result<String, String> {
    let domains = ["example.test", "bücher.example"];
    let domains: Vec<Domain> = domains.map(|name| name.parse().expect("a domain")).into();
    let read = declared::load(&FILE, &domains).map_err(|error| error.to_string())?;
    assert!(
        !read.accounts.is_empty(),
        "nothing was declared, and nothing said"
    );
    for account in &read.accounts {
        let ours =
            |host: &address::Host| host.domain().is_some_and(|found| domains.contains(found));
        assert!(ours(&account.address.host), "an account elsewhere");
        assert!(
            account.aliases.iter().all(|alias| ours(&alias.host)),
            "an alias elsewhere"
        );
    }
    for alias in &read.aliases {
        let host = alias.address.host.domain();
        assert!(
            host.is_some_and(|found| domains.contains(found)),
            "an alias elsewhere"
        );
        assert!(!alias.to.is_empty(), "an alias that leads nowhere");
    }
    Ok(format!("{read:?}"))
}
