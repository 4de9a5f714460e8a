//! The shim around the library: see `lib.rs`.

fn main() -> std::process::ExitCode {
    sayso::main()
}
