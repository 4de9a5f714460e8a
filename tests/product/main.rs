//! Tests of the whole product: the real binary, started in a directory of its own, driven over real HTTP. Each states one
//! rule that a caller relies on, named for it; the rules of an export stand in the specification's order.

#![allow(clippy::unwrap_used)] // a test that can't go on says so by panicking

mod access;
mod audit;
mod backup;
mod bad_input;
mod callbacks;
mod commit;
mod compact;
mod compatibility;
mod configuration;
mod crash;
mod delta;
mod ending;
mod flipped;
mod full_disk;
mod groups;
mod guards;
mod harness;
mod histories;
mod implied;
mod initiate;
mod limits;
mod matching;
mod matrix;
mod mirror;
mod oauth;
mod oauth_clients;
mod oauth_keys;
mod oracle;
mod people;
mod profiles;
mod proxies;
mod reference;
mod retrieve;
mod rows;
mod rules_consents;
mod rules_contacts;
mod rules_dates;
mod rules_fields;
mod rules_guard;
mod rules_person;
mod rules_preferences;
mod rules_replace;
mod search;
mod secrets;
mod segments;
mod signed;
mod slow_readers;
mod status;
mod storm;
mod tags;
mod throttle;
mod tls;
mod torture;
