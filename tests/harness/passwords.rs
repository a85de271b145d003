//! Who may log in to the scripted hosts. Passwords stand in clear: hashing is tested in `auth`.

use auth::Credentials;

/// Address and password of each account that is enabled.
const ACCOUNTS: [(&str, &str); 3] = [
    ("alice@example.test", "wonderland"),
    ("bob@example.test", "builder"),
    ("carol@example.test", "open  sesame "),
];

/// The account these credentials open.
pub fn check(credentials: &Credentials) -> Option<String> {
    let login = credentials.login.to_ascii_lowercase();
    let (address, _) = ACCOUNTS.into_iter().find(|(address, password)| {
        let local = address.split_once('@').map(|(local, _)| local);
        (*address == login || local == Some(login.as_str()))
            && *password == credentials.password.expose()
    })?;
    // RFC 4616 section 2: acting for somebody else is not allowed here.
    let foreign = credentials
        .authzid
        .as_deref()
        .is_some_and(|authzid| authzid != address);
    (!foreign).then(|| address.to_owned())
}
