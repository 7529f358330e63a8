use keystead_audit::Audited;
use keystead_types::Fault;

fn send(_: Audited<Vec<u8>>) {}

fn main() {
    let answer: Result<Vec<u8>, Fault> = Ok(Vec::new());
    send(answer);
}
