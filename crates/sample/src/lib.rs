//! Plausible people as NDJSON, the same bytes for the same seed, and the account they fit.
