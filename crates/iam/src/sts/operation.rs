//! What an operation of STS does, and the walk of its request.

use std::future::Future;
use std::sync::Arc;

use keystead_api::query::{Form, QueryShape};
use keystead_audit::{Audited, Entry, Requester};
use keystead_identity::Bearer;
use keystead_types::{Fault, Principal};

use super::ask::{Asker, denied};
use crate::service::{Request, Service};

/// One operation for authenticated callers, implemented by the marker of its shape. There is no
/// default for who may call it.
pub(crate) trait Operation: QueryShape {
    /// Which temporary credentials may call it.
    const FOR: Sessions;

    /// Decides and does it.
    fn run<'a>(
        input: &'a Self::Input,
        call: &'a mut Call<'_>,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send + 'a;
}

/// Which temporary credentials may call an operation; long-term ones always may.
/// Source: IAM User Guide, "Compare AWS STS credentials".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// All of them.
    All,
    /// All but federated users and forward access sessions.
    Own,
    /// Those of roles only, but for forward access sessions.
    /// Source: STS API reference, GetSessionToken: "You cannot call any AWS STS API except
    /// AssumeRole or GetCallerIdentity".
    Roles,
    /// None.
    None,
}

/// What an operation works with.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a Service,
    pub(crate) request: &'a Request<'a>,
    pub(crate) bearer: &'a Arc<Bearer>,
    pub(crate) entry: &'a mut Entry,
}

impl<'a> Call<'a> {
    /// The caller, ready to be asked about.
    pub(crate) fn asker(&self) -> Result<Asker<'a>, Fault> {
        Asker::new(self.service, self.request, self.bearer)
    }
}

/// Walks one request. The answer is in the audit log before this returns.
pub(crate) async fn serve<O: Operation>(
    service: &Service,
    request: &Request<'_>,
    bearer: &Arc<Bearer>,
    form: &Form,
) -> Audited<Vec<u8>> {
    let requester = Requester::from(bearer.caller.clone());
    let mut entry = service.begin(request, O::ACTION, O::READ_ONLY, requester);
    let outcome = walk::<O>(service, request, bearer, form, &mut entry).await;
    entry.settle(outcome).publish().await
}

async fn walk<O: Operation>(
    service: &Service,
    request: &Request<'_>,
    bearer: &Arc<Bearer>,
    form: &Form,
    entry: &mut Entry,
) -> Result<Vec<u8>, Fault> {
    let input = O::decode(form)?;
    let mut parameters = Vec::with_capacity(256);
    O::audit_parameters(&input, &mut parameters);
    entry.request_parameters(parameters);
    check_session(bearer, O::FOR, O::ACTION)?;
    let mut call = Call {
        service,
        request,
        bearer,
        entry,
    };
    let output = O::run(&input, &mut call).await?;
    let mut elements = Vec::with_capacity(256);
    O::audit_response(&output, &mut elements);
    entry.response_elements(elements);
    Ok(O::encode(&output, &request.request_id))
}

/// Whether credentials of that kind may call an operation at all, whatever policies say.
fn check_session(bearer: &Bearer, allowed: Sessions, action: &str) -> Result<(), Fault> {
    let Some(session) = &bearer.caller.session else {
        return Ok(());
    };
    let federated = matches!(bearer.caller.principal, Principal::FederatedUser { .. });
    let good = match allowed {
        Sessions::All => true,
        // What a service may do for its user ends with it: it gets no credentials of its own.
        Sessions::Own => !federated && session.via.is_empty(),
        Sessions::Roles => {
            let role = matches!(bearer.caller.principal, Principal::RoleSession { .. });
            role && session.via.is_empty()
        }
        Sessions::None => false,
    };
    if good {
        return Ok(());
    }
    Err(denied(format!(
        "Cannot call {action} with session credentials"
    )))
}
