//! AWS Signature Version 4 verification: request, credentials and clock in; an identity or a rejection out. No I/O.
#![forbid(unsafe_code)]
