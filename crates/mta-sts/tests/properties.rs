//! Octets that somebody else wrote: nothing breaks, and what is a policy says itself again.

use mta_sts::{Policy, announced};
use proptest::prelude::*;

/// Lines as policies have them, and some that they do not.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["version", "mode", "mx", "max_age", "x", "", "mx "]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "STSv1",
            "enforce",
            "testing",
            "none",
            "*.a.example",
            "b.example",
            "86400"
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,20}",
        any::<String>(),
    ];
    (name, value, prop::sample::select(vec!["\n", "\r\n", " \n"]))
        .prop_map(|(name, value, end)| format!("{name}: {value}{end}"))
}

proptest! {
    #[test]
    fn a_policy_says_itself_again(lines in prop::collection::vec(line(), 0..8)) {
        let head = "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 5\n";
        for text in [lines.concat(), format!("{head}{}", lines.concat())] {
            if let Ok(policy) = Policy::parse(text.as_bytes()) {
                prop_assert_eq!(Policy::parse(policy.to_string().as_bytes()), Ok(policy));
            }
        }
    }

    #[test]
    fn no_octets_are_too_strange(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Policy::parse(&octets);
        let _ = announced([octets.as_slice()]);
        let _ = announced([[b"v=STSv1;".as_slice(), &octets].concat().as_slice()]);
    }
}
