//! Where entries begin.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use keystead_types::{AccountId, Caller, Clock, Entropy, Region, RequestId, Timestamp};

use crate::entry::{Details, Entry, Origin};
use crate::{Operator, Record, Sink};

/// The audit trail of one Region; cheap to clone.
#[derive(Clone)]
pub struct Trail(Arc<Shared>);

struct Shared {
    log: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    region: Region,
}

/// What is known of a request when its entry begins.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The service whose operation it is: [`KMS`], [`IAM`], [`STS`].
    pub event_source: &'static str,
    /// The id that the answer carries in `x-amzn-RequestId`.
    pub request_id: RequestId,
    /// The operation's name, such as `Encrypt`.
    pub event_name: &'static str,
    /// Whether the operation changes nothing.
    pub read_only: bool,
    /// Who asks. In a forward access session the record names the service beside the caller, and
    /// in place of `source_ip` and `user_agent`.
    pub requester: Requester,
    /// `awsRegion`, and the partition of ARNs, when it is not the trail's Region.
    pub region: Option<Region>,
    /// From where.
    pub source_ip: SourceAddress,
    /// The `User-Agent` header; recorded up to [`crate::limits::USER_AGENT_MAX_BYTES`].
    pub user_agent: String,
    /// The connection, when it is TLS.
    pub tls: Option<Tls>,
    /// The private endpoint that it came through: `vpce-1a2b3c4d`.
    pub vpc_endpoint_id: Option<Arc<str>>,
}

/// `eventSource` of KMS.
pub const KMS: &str = "kms.amazonaws.com";
/// `eventSource` of IAM.
pub const IAM: &str = "iam.amazonaws.com";
/// `eventSource` of STS.
pub const STS: &str = "sts.amazonaws.com";

impl Opening {
    /// An operation of KMS in the trail's Region by an authenticated caller, over a connection
    /// that nothing is known of.
    pub fn new(
        request_id: RequestId,
        event_name: &'static str,
        read_only: bool,
        requester: impl Into<Requester>,
        source_ip: SourceAddress,
    ) -> Self {
        Self {
            event_source: KMS,
            request_id,
            event_name,
            read_only,
            requester: requester.into(),
            region: None,
            source_ip,
            user_agent: String::new(),
            tls: None,
            vpc_endpoint_id: None,
        }
    }

    /// The service through which a forward access session comes.
    pub(crate) fn via(&self) -> Option<&str> {
        match &self.requester {
            Requester::Caller(caller) => caller.session.as_ref()?.via.last().map(|name| &**name),
            Requester::WebIdentity(_) => None,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum Requester {
    /// An authenticated caller.
    Caller(Caller),
    /// The holder of a token of an identity provider, for AssumeRoleWithWebIdentity.
    WebIdentity(WebIdentity),
}

impl Requester {
    /// The account that the record is for.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Caller(caller) => caller.account,
            Self::WebIdentity(identity) => identity.account,
        }
    }
}

impl From<Caller> for Requester {
    fn from(caller: Caller) -> Self {
        Self::Caller(caller)
    }
}

impl From<WebIdentity> for Requester {
    fn from(identity: WebIdentity) -> Self {
        Self::WebIdentity(identity)
    }
}

/// What a web identity token says; nothing of it until the token has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// The account of the role that is asked for.
    pub account: AccountId,
    /// What the token says, once it has been verified.
    pub token: Option<WebToken>,
}

/// What a verified web identity token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebToken {
    /// The issuer without scheme: `accounts.example.com`.
    pub provider: String,
    /// `aud`.
    pub audience: String,
    /// `sub`.
    pub subject: String,
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAddress {
    /// A client's address.
    Ip(IpAddr),
    /// A part of the system or a service that acts for a user: `s3.amazonaws.com`.
    Name(Cow<'static, str>),
}

impl From<IpAddr> for SourceAddress {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

/// A TLS connection, for `tlsDetails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite's name: `TLS_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// The Host header that the client sent.
    pub host: String,
}

impl Trail {
    /// A trail that writes to `log`.
    ///
    /// Arguments: `clock` gives event times, `entropy` event ids, `region` is `awsRegion` and
    /// decides the partition of ARNs.
    pub fn new(
        log: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        region: Region,
    ) -> Self {
        Self(Arc::new(Shared {
            log,
            clock,
            entropy,
            region,
        }))
    }

    /// Begins the entry of a request (`AwsApiCall`).
    pub fn begin(&self, opening: Opening) -> Entry {
        Entry::open(self.clone(), Origin::Request(opening))
    }

    /// Begins the entry of something that the service did itself (`AwsServiceEvent`), such as
    /// `RotateKey` or `DeleteKey`. It is settled and published like a request's.
    ///
    /// Arguments: `account` owns the key; `details` is a JSON object for `serviceEventDetails`.
    pub fn service_event(
        &self,
        event_name: &'static str,
        account: AccountId,
        details: Option<Vec<u8>>,
    ) -> Entry {
        let details = details.map(Details::new);
        Entry::open(
            self.clone(),
            Origin::Service {
                event_name,
                account,
                details,
            },
        )
    }

    /// Begins the entry of something that was done to the deployment as a whole, by the person or
    /// program that runs this process: made, started, given an account. It is settled and
    /// published like a request's; its form is `AwsServiceEvent`.
    ///
    /// Arguments: `account` is whom it concerns, none for the whole deployment. What happened goes
    /// into [`Entry::event_details`].
    pub fn administration(
        &self,
        event_name: &'static str,
        operator: Arc<Operator>,
        account: Option<AccountId>,
    ) -> Entry {
        Entry::open(
            self.clone(),
            Origin::Administration {
                event_name,
                operator,
                account,
                details: None,
            },
        )
    }

    /// How many records the log has, and how many of them a power cut cannot take.
    pub(crate) fn progress(&self) -> (u64, u64) {
        // In this order, so that no record seems synced that is not.
        let synced = self.0.log.synced();
        (self.0.log.written(), synced)
    }

    /// The same trail with another log.
    #[cfg(test)]
    pub(crate) fn with_log(&self, log: Arc<dyn Sink>) -> Self {
        Self(Arc::new(Shared {
            log,
            clock: Arc::clone(&self.0.clock),
            entropy: Arc::clone(&self.0.entropy),
            region: self.0.region.clone(),
        }))
    }

    pub(crate) fn log(&self) -> &Arc<dyn Sink> {
        &self.0.log
    }

    pub(crate) fn enqueue(&self, record: Record) {
        self.0.log.enqueue(record);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn new_id(&self) -> RequestId {
        let mut random = [0; 16];
        self.0.entropy.fill(&mut random);
        RequestId::from_random(random)
    }

    pub(crate) fn region(&self) -> &Region {
        &self.0.region
    }
}
