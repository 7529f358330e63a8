//! The HTTP(S) door: limits, dispatch, configuration, health.
#![forbid(unsafe_code)]
