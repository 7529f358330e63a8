//! The messages of the control channel.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::{RootConfig, SealedDomain};
use crate::Lane;
use crate::codec::wire::{Reader, Sink, put_bytes, put_region};
use crate::codec::{PROTOCOL_VERSION, ProtocolError};
use crate::limits::{FAILURE_TEXT_MAX_BYTES, FIELD_MAX_BYTES};

/// From the supervisor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToChild {
    /// First of all; says how many of the others follow.
    Start {
        root: RootConfig,
        domains: u16,
        lanes: u16,
        prepared_keys: u16,
    },
    Domain(SealedDomain),
    /// Comes with the sockets for commands and for answers.
    Lane {
        kind: Lane,
        number: u16,
    },
    Ping(u64),
}

/// From the HSM process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromChild {
    Ready { epoch: u64 },
    Failed { reason: String },
    Pong(u64),
}

const START: u8 = 1;
const DOMAIN: u8 = 2;
const LANE: u8 = 3;
const PING: u8 = 4;
const READY: u8 = 0x81;
const FAILED: u8 = 0x82;
const PONG: u8 = 0x83;

const ROOT_KEY_FILE: u8 = 1;
const ROOT_EPHEMERAL: u8 = 2;
const LANE_FAST: u8 = 1;
const LANE_SLOW: u8 = 2;
const LANE_MAKING: u8 = 3;

impl ToChild {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ProtocolError> {
        let mut out = Vec::new();
        match self {
            Self::Start {
                root,
                domains,
                lanes,
                prepared_keys,
            } => {
                out.put(&[START]);
                out.put(&PROTOCOL_VERSION.to_be_bytes());
                match root {
                    RootConfig::KeyFile { path, create } => {
                        out.put(&[ROOT_KEY_FILE, u8::from(*create)]);
                        put_bytes(&mut out, path.as_os_str().as_bytes(), FIELD_MAX_BYTES)?;
                    }
                    RootConfig::Ephemeral => out.put(&[ROOT_EPHEMERAL]),
                }
                out.put(&domains.to_be_bytes());
                out.put(&lanes.to_be_bytes());
                out.put(&prepared_keys.to_be_bytes());
            }
            Self::Domain(SealedDomain { region, sealed }) => {
                out.put(&[DOMAIN]);
                put_region(&mut out, region);
                put_bytes(&mut out, sealed, FIELD_MAX_BYTES)?;
            }
            Self::Lane { kind, number } => {
                let kind = match kind {
                    Lane::Fast => LANE_FAST,
                    Lane::Slow => LANE_SLOW,
                    Lane::Making => LANE_MAKING,
                };
                out.put(&[LANE, kind]);
                out.put(&number.to_be_bytes());
            }
            Self::Ping(number) => {
                out.put(&[PING]);
                out.put(&number.to_be_bytes());
            }
        }
        Ok(out)
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(message);
        let decoded = match reader.u8()? {
            START => {
                if reader.u16()? != PROTOCOL_VERSION {
                    return Err(ProtocolError::WrongVersion);
                }
                Self::Start {
                    root: read_root(&mut reader)?,
                    domains: reader.u16()?,
                    lanes: reader.u16()?,
                    prepared_keys: reader.u16()?,
                }
            }
            DOMAIN => Self::Domain(SealedDomain {
                region: reader.region()?,
                sealed: reader.bytes(FIELD_MAX_BYTES)?.to_vec(),
            }),
            LANE => Self::Lane {
                kind: match reader.u8()? {
                    LANE_FAST => Lane::Fast,
                    LANE_SLOW => Lane::Slow,
                    LANE_MAKING => Lane::Making,
                    _ => return Err(ProtocolError::UnknownValue),
                },
                number: reader.u16()?,
            },
            PING => Self::Ping(reader.u64()?),
            _ => return Err(ProtocolError::UnknownKind),
        };
        reader.finish()?;
        Ok(decoded)
    }
}

fn read_root(reader: &mut Reader<'_>) -> Result<RootConfig, ProtocolError> {
    match reader.u8()? {
        ROOT_KEY_FILE => Ok(RootConfig::KeyFile {
            create: reader.boolean()?,
            path: PathBuf::from(OsStr::from_bytes(reader.bytes(FIELD_MAX_BYTES)?)),
        }),
        ROOT_EPHEMERAL => Ok(RootConfig::Ephemeral),
        _ => Err(ProtocolError::UnknownValue),
    }
}

impl FromChild {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, ProtocolError> {
        let mut out = Vec::new();
        match self {
            Self::Ready { epoch } => {
                out.put(&[READY]);
                out.put(&PROTOCOL_VERSION.to_be_bytes());
                out.put(&epoch.to_be_bytes());
            }
            Self::Failed { reason } => {
                out.put(&[FAILED]);
                put_bytes(&mut out, reason.as_bytes(), FAILURE_TEXT_MAX_BYTES)?;
            }
            Self::Pong(number) => {
                out.put(&[PONG]);
                out.put(&number.to_be_bytes());
            }
        }
        Ok(out)
    }

    pub(crate) fn decode(message: &[u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(message);
        let decoded = match reader.u8()? {
            READY => {
                if reader.u16()? != PROTOCOL_VERSION {
                    return Err(ProtocolError::WrongVersion);
                }
                Self::Ready {
                    epoch: reader.u64()?,
                }
            }
            FAILED => Self::Failed {
                reason: String::from_utf8_lossy(reader.bytes(FAILURE_TEXT_MAX_BYTES)?).into_owned(),
            },
            PONG => Self::Pong(reader.u64()?),
            _ => return Err(ProtocolError::UnknownKind),
        };
        reader.finish()?;
        Ok(decoded)
    }
}
