//! The web listener and its address in the world.

use super::*;

#[test]
fn the_web_has_an_address_only_where_one_is_given() {
    assert_eq!(good("").web.url, None);
    let config = good("[web]\nurl = \"https://lists.example.test:8443/mail/\"");
    let url = config.web.url.unwrap().to_string();
    assert_eq!(url, "https://lists.example.test:8443/mail");
    assert_eq!(good_variables(&[("TEGAMI_WEB__URL", "")]).web.url, None);
}

#[test]
fn an_address_that_nobody_could_use_is_refused() {
    wrong(
        "[web]\nurl = \"http://lists.example.test\"",
        "web.url: \"http://lists.example.test\" will not do: it has to begin with https:// and a host name",
    );
    wrong(
        "[web]\nurl = \"https://lists.example.test/?a\"",
        "web.url: \"https://lists.example.test/?a\" will not do: it may hold no spaces, quotes, commas, angle brackets, `?` or `#`, and letters of ASCII only",
    );
    wrong(
        "[listen]\nweb = []\n[web]\nurl = \"https://lists.example.test\"",
        "web.url: nobody would answer there, because listen.web is empty; give it an address, such as \"127.0.0.1:8080\"",
    );
}

#[test]
fn a_web_page_alone_is_no_mail_server_and_its_port_is_its_own() {
    wrong(
        "[listen]\nsubmission = []\nsubmissions = []\npop3 = []\npop3s = []\nsmtp = []",
        "listen.smtp: every listener is switched off; give at least one address under [listen]",
    );
    wrong(
        "[listen]\npop3 = [\"127.0.0.1:8080\"]\nweb = [\"127.0.0.1:8080\"]",
        "listen.web: 127.0.0.1:8080 is taken by listen.pop3 already",
    );
    warns(
        "[listen]\nweb = [\"0.0.0.0:8080\"]",
        "listen.web: 0.0.0.0:8080 speaks HTTP without TLS",
    );
}
