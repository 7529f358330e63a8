use std::io::{Read, Write};
use std::os::fd::BorrowedFd;

use super::*;

fn channel() -> (OwnedFd, ControlChannel) {
    let (ours, theirs) = pair().unwrap();
    (ours, ControlChannel::new(theirs))
}

fn tell(socket: &OwnedFd, message: &ToChild, files: &[BorrowedFd<'_>]) {
    send(socket.as_fd(), &message.encode().unwrap(), files).unwrap();
}

#[test]
fn a_start_arrives_whole_with_working_sockets() {
    let (ours, child) = channel();
    let root = RootConfig::KeyFile {
        path: PathBuf::from("/var/lib/keystead/root.key"),
        create: true,
    };
    let domain = SealedDomain {
        region: Region::parse("eu-west-1").unwrap(),
        sealed: vec![7; 100],
    };
    let (mut near, far) = LaneEnd::pair().unwrap();
    tell(
        &ours,
        &ToChild::Start {
            root: root.clone(),
            domains: 1,
            lanes: 1,
            prepared_keys: 300,
        },
        &[],
    );
    tell(&ours, &ToChild::Domain(domain.clone()), &[]);
    let lane = ToChild::Lane {
        kind: Lane::Slow,
        number: 9,
    };
    tell(&ours, &lane, &[far.commands.as_fd(), far.answers.as_fd()]);
    drop(far);

    let mut start = child.receive_start().unwrap();
    assert_eq!(start.root, root);
    assert_eq!(start.prepared_keys, 300);
    assert_eq!(start.domains, [domain]);
    let lane = start.lanes.first_mut().unwrap();
    assert_eq!((lane.kind, lane.number), (Lane::Slow, 9));
    for (from, to) in [
        (&mut near.commands, &mut lane.end.commands),
        (&mut lane.end.answers, &mut near.answers),
    ] {
        from.write_all(b"hello").unwrap();
        let mut got = [0; 5];
        to.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"hello");
    }
}

#[test]
fn pings_are_answered_until_the_end() {
    let (ours, child) = channel();
    let server = std::thread::spawn(move || child.serve_until_closed());
    tell(&ours, &ToChild::Ping(77), &[]);
    let answer = receive(ours.as_fd()).unwrap().message;
    assert_eq!(FromChild::decode(&answer), Ok(FromChild::Pong(77)));
    drop(ours);
    assert!(server.join().unwrap().is_ok());
}

#[test]
fn a_lane_without_its_two_sockets_and_a_domain_with_one_are_refused() {
    let start = |domains, lanes| ToChild::Start {
        root: RootConfig::Ephemeral,
        domains,
        lanes,
        prepared_keys: 0,
    };
    let lane = ToChild::Lane {
        kind: Lane::Fast,
        number: 0,
    };
    let domain = ToChild::Domain(SealedDomain {
        region: Region::parse("eu-west-1").unwrap(),
        sealed: vec![7; 100],
    });
    let (near, far) = LaneEnd::pair().unwrap();
    let sockets = [far.commands.as_fd(), far.answers.as_fd()];
    for (start, message, sockets) in [
        (start(0, 1), &lane, &sockets[..0]),
        (start(0, 1), &lane, &sockets[..1]),
        (start(1, 0), &domain, &sockets[..1]),
    ] {
        let (ours, child) = channel();
        tell(&ours, &start, &[]);
        tell(&ours, message, sockets);
        assert!(matches!(
            child.receive_start(),
            Err(ControlError::Protocol(ProtocolError::UnknownKind))
        ));
    }
    let (ours, child) = channel();
    tell(&ours, &start(0, 1), &[]);
    let three = [sockets[0], sockets[1], near.commands.as_fd()];
    tell(&ours, &lane, &three);
    let received = child.receive_start();
    assert!(matches!(received, Err(ControlError::Protocol(_))));

    let (ours, child) = channel();
    tell(&ours, &start(0, 1), &[]);
    drop(ours);
    assert!(matches!(child.receive_start(), Err(ControlError::Closed)));
}

#[test]
fn every_message_refuses_truncation_and_extension() {
    let to_child = [
        ToChild::Start {
            root: RootConfig::KeyFile {
                path: PathBuf::from("/k"),
                create: false,
            },
            domains: 3,
            lanes: 4,
            prepared_keys: 5,
        },
        ToChild::Domain(SealedDomain {
            region: Region::parse("us-gov-west-1").unwrap(),
            sealed: vec![1, 2, 3],
        }),
        ToChild::Lane {
            kind: Lane::Fast,
            number: 2,
        },
        ToChild::Lane {
            kind: Lane::Making,
            number: 3,
        },
        ToChild::Ping(1),
    ];
    for message in to_child {
        let mut bytes = message.encode().unwrap();
        for cut in 0..bytes.len() {
            assert!(ToChild::decode(&bytes[..cut]).is_err());
        }
        assert_eq!(ToChild::decode(&bytes), Ok(message));
        bytes.push(0);
        assert!(ToChild::decode(&bytes).is_err());
    }
    let from_child = [
        FromChild::Ready { epoch: 5 },
        FromChild::Failed {
            reason: "é".to_owned(),
        },
        FromChild::Pong(6),
    ];
    for message in from_child {
        let mut bytes = message.encode().unwrap();
        for cut in 0..bytes.len() {
            assert!(FromChild::decode(&bytes[..cut]).is_err());
        }
        assert_eq!(FromChild::decode(&bytes), Ok(message));
        bytes.push(0);
        assert!(FromChild::decode(&bytes).is_err());
    }
}

#[test]
fn a_long_failure_is_cut_at_a_character() {
    let (ours, child) = channel();
    child.failed(&"é".repeat(400)).unwrap();
    let message = receive(ours.as_fd()).unwrap().message;
    let Ok(FromChild::Failed { reason }) = FromChild::decode(&message) else {
        panic!("not a failure");
    };
    assert_eq!(reason, "é".repeat(FAILURE_TEXT_MAX_BYTES / 2));
}
