use keystead_audit::Audited;

fn main() {
    let _forged: Audited<Vec<u8>> = Audited { request_id: None, outcome: Ok(Vec::new()) };
}
