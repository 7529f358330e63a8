//! Behind the wall: key material, algorithms, wrapping, roots of trust, self-tests. Runs only in the HSM process.
#![forbid(unsafe_code)]
