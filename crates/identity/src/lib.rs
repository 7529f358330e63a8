//! Accounts and access keys: who a credential belongs to.
#![forbid(unsafe_code)]
