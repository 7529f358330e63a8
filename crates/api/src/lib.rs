//! Wire shapes generated from the KMS service model: decode, constraints, encode. No I/O.
#![forbid(unsafe_code)]
