//! From an operation's name to its walk through the engine.

use keystead_api::OperationName;
use keystead_audit::Audited;
use keystead_engine::{Request, Site, serve, serve_unbuilt};

/// Runs the operation. The match covers the whole model: an operation without an implementation,
/// or one that is not listed as missing, does not compile.
pub(crate) async fn dispatch(
    site: &Site,
    operation: OperationName,
    request: Request<'_>,
) -> Audited<Vec<u8>> {
    // Each in a box of its own size: else every request would carry, and copy, room for the largest.
    macro_rules! built {
        ($name:ident) => {
            Box::pin(serve::<keystead_ops::$name>(site, request)).await
        };
    }
    macro_rules! unbuilt {
        ($name:ident) => {
            serve_unbuilt(site, OperationName::$name, request).await
        };
    }
    keystead_api::for_each_operation!(operation, built, unbuilt)
}
