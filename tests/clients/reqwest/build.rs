//! Tells the version of reqwest that the lock file names.

fn main() {
    let lock = std::fs::read_to_string("Cargo.lock").unwrap_or_default();
    let version = lock.split("name = \"reqwest\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    println!("cargo::rustc-env=REQWEST_VERSION={}", version.unwrap_or("of unknown version"));
    println!("cargo::rerun-if-changed=Cargo.lock");
}
