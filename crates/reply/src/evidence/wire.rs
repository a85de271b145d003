//! Tests that bring rows about in the built server, over its own ports, by settings and by faults of the host.

/// Where they stand, from the root of the workspace.
pub(super) const FILE: &str = "tests/network/rows.rs";

/// Each test with the ids it brings about.
pub(super) const TESTS: &[(&str, &[&str])] = &[
    (
        "settings_bring_about_the_replies_that_speak_of_them",
        &[
            "S-250k", "S-250l", "S-421f", "S-450d", "S-450e", "S-552a", "X-24",
        ],
    ),
    (
        "who_connects_too_often_hears_which_limit_it_was",
        &["S-421c", "S-421d", "T-02", "T-P2", "T-P3", "T-P4"],
    ),
    (
        "a_full_and_a_disabled_mailbox_are_refused_for_good_where_that_is_wanted",
        &["S-550b", "S-552c"],
    ),
    (
        "a_store_without_room_and_one_that_cannot_be_written_put_mail_off",
        &["S-451c", "S-452a", "S-552b"],
    ),
    (
        "a_certificate_that_was_read_stays_in_use_when_its_files_go_bad",
        &["S-454b", "PE-16"],
    ),
    (
        "a_login_that_needs_a_lost_key_does_not_blame_the_password",
        &["S-454a", "PE-23"],
    ),
];
