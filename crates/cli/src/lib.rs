//! The sayso program: serve, demo, account, credentials, load, check, sample.
