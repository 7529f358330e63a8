//! A fixed world for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use keystead_types::{
    AccountId, Caller, Clock, Entropy, KeyArn, KeyId, Principal, Region, RequestId, Timestamp,
};

use crate::{MemoryLog, Opening, ReceiptNote, Tls, Trail};

pub(crate) const RECEIPT: ReceiptNote = ReceiptNote {
    epoch: 0xfedc_ba98_7654_3210,
    lane: 3,
    counter: 41,
    digest: [0xd1; 16],
};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_747_806_151_999)
    }
}

/// 01 01 01 …, then 02 02 02 …
#[derive(Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, Ordering::SeqCst) + 1);
    }
}

pub(crate) fn account() -> AccountId {
    AccountId::parse("111122223333").unwrap()
}

pub(crate) fn trail(region: &str) -> (Trail, Arc<MemoryLog>) {
    let log = Arc::new(MemoryLog::new());
    let region = Region::parse(region).unwrap();
    let entropy = Arc::new(Counting::default());
    let trail = Trail::new(log.clone(), Arc::new(Noon), entropy, region);
    (trail, log)
}

pub(crate) fn key(last_digit: char) -> KeyArn {
    KeyArn {
        region: Region::parse("eu-west-1").unwrap(),
        account: AccountId::parse("444455556666").unwrap(),
        key_id: KeyId::parse(&format!("1234abcd-12ab-34cd-56ef-1234567890a{last_digit}")).unwrap(),
    }
}

pub(crate) fn opening(principal: Principal) -> Opening {
    let caller = Caller::plain(principal, account(), "AKIAIOSFODNN7EXAMPLE".into());
    let source_ip = std::net::IpAddr::from([203, 0, 113, 7]).into();
    let request_id = RequestId::from_random([0xee; 16]);
    Opening {
        user_agent: "aws-cli/2.27".to_owned(),
        ..Opening::new(request_id, "Encrypt", true, caller, source_ip)
    }
}

pub(crate) fn user() -> Principal {
    Principal::User {
        account: account(),
        name: "team/alice".into(),
    }
}

pub(crate) fn tls() -> Tls {
    Tls {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        host: "kms.eu-west-1.example.org".to_owned(),
    }
}
