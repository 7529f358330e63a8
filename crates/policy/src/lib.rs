//! Policy documents: parse, compile, evaluate with reasons. No I/O.
#![forbid(unsafe_code)]
