//! Where a request came from.

use std::net::IpAddr;
use std::sync::Arc;

use keystead_policy::NamedPolicy;
use keystead_types::AccountId;

/// What the connection and the headers of a request say of its origin.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The client's address; `None` when it is not known.
    pub source_ip: Option<IpAddr>,
    /// Whether the request came over TLS.
    pub secure_transport: bool,
    /// The `user-agent` header; empty when there was none.
    pub user_agent: String,
    /// The `referer` header.
    pub referer: Option<String>,
    /// The private endpoint (a configured listener) that it came through.
    pub endpoint: Option<Arc<Endpoint>>,
    /// For whom a service calls. Only of service principals, and only when it was signed.
    pub source: Option<ServiceSource>,
}

/// A configured listener that stands for a VPC endpoint.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id: `vpce-1a2b3c4d`.
    pub id: Arc<str>,
    /// The VPC that it stands in: `vpc-1a2b3c4d`.
    pub vpc: Arc<str>,
    /// Its endpoint policy; without one it lets everything through.
    pub policy: Option<NamedPolicy>,
}

/// The resource for which a service calls, of the headers `x-amz-source-arn` and
/// `x-amz-source-account`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceSource {
    /// `aws:SourceArn`.
    pub arn: Option<Arc<str>>,
    /// `aws:SourceAccount`.
    pub account: Option<AccountId>,
}
