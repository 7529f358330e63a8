//! What the door serves.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use keystead_engine::Site;
use keystead_identity::Bearer;
use keystead_sigv4::{Credentials, ReplayGuard, Verifier};
use keystead_types::{Clock, Entropy, Fault, Region, RequestId};

use crate::CertificateSessions;

/// The Regions that are served.
pub trait Sites: Send + Sync {
    /// The Region's site, if it is at work. Called for every request: cheap.
    fn get(&self, region: &Region) -> Option<Arc<Site>>;

    /// Puts a Region to work on demand, or says why not.
    fn open<'a>(
        &'a self,
        region: &'a Region,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<Site>, Fault>> + Send + 'a>>;
}

/// Whether the server can do its work.
pub trait Health: Send + Sync {
    /// `Err` with one line for the operator when requests would fail. The line is public.
    fn ready(&self) -> Result<(), String>;
}

/// What a [`Service`] is made of.
pub struct ServiceParts {
    /// The Regions.
    pub sites: Arc<dyn Sites>,
    /// The APIs of IAM and STS.
    pub iam: Arc<keystead_iam::Service>,
    /// The Region of requests that name none, because nobody signed them.
    pub home: Region,
    /// Sessions for client certificates; `None` where none are given.
    pub certificate_sessions: Option<CertificateSessions>,
    /// Checks signatures.
    pub verifier: Verifier<Arc<Bearer>>,
    /// Refuses a signed change that comes a second time; `None`, the usual case, refuses none.
    pub replay_guard: Option<ReplayGuard>,
    /// Knows the access keys.
    pub credentials: Arc<dyn Credentials<Arc<Bearer>>>,
    /// Wall clock, for the window of signatures.
    pub clock: Arc<dyn Clock>,
    /// Randomness for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Answers `/readyz`.
    pub health: Arc<dyn Health>,
}

/// What the door serves; cheap to clone.
#[derive(Clone)]
pub struct Service(Arc<ServiceParts>);

impl Service {
    /// Takes the parts together.
    pub fn new(parts: ServiceParts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn parts(&self) -> &ServiceParts {
        &self.0
    }

    pub(crate) fn new_request_id(&self) -> RequestId {
        let mut random = [0; 16];
        self.0.entropy.fill(&mut random);
        RequestId::from_random(random)
    }
}
