//! The pipeline: Operation, Target, Spec, Ready, serve.
#![forbid(unsafe_code)]
