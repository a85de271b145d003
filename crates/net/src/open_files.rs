//! The limit on open files: every connection is one, so it is raised as far as the system lets us.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit on open files before and after raising it; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The soft limit the process was started with.
    pub before: Option<u64>,
    /// The soft limit now: the hard limit.
    pub now: Option<u64>,
}

/// Raises the soft limit on open files (`ulimit -n`) to the hard limit.
///
/// # Errors
/// When the system refuses; the limit then is as it was.
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        )?;
    }
    Ok(OpenFiles {
        before: limit.current,
        now: limit.maximum,
    })
}

/// As many files as this process may have open once the limit is raised; `None` is unlimited.
#[must_use]
pub fn most_open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises_the_soft_limit_to_the_hard_one() {
        raise_open_files().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(raise_open_files().unwrap().before, limit.maximum);
        assert_eq!(most_open_files(), limit.maximum);
    }
}
