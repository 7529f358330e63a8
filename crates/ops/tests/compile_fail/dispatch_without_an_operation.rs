use keystead_audit::Audited;
use keystead_engine::{Request, Site, serve};

async fn dispatch(site: &Site, request: Request<'_>) -> Audited<Vec<u8>> {
    serve::<keystead_api::Encrypt>(site, request).await
}

fn main() {}
