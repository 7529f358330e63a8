//! The binary's commands, as a person runs them.
#![allow(clippy::unwrap_used, reason = "tests say what is wrong by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn keystead(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keystead"));
    command.args(arguments).env_clear();
    command
}

fn output(command: &mut Command) -> (bool, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    (status.success(), text.into_owned())
}

/// `keystead dev` on a free port, ended with the test.
struct Dev {
    child: Child,
    url: String,
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn dev(dir: &Path) -> Dev {
    let dir = dir.to_str().unwrap();
    let mut command = keystead(&["dev", "--listen", "127.0.0.1:0", "--data-dir", dir]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let exported = lines.by_ref().map(Result::unwrap).find_map(|line| {
        line.strip_prefix("export AWS_ENDPOINT_URL_IAM=")
            .map(str::to_owned)
    });
    // Nobody reads the rest, and the pipe has room for it.
    std::mem::forget(lines);
    Dev {
        child,
        url: exported.unwrap(),
    }
}

#[test]
fn a_running_server_is_asked_and_its_log_explained() {
    let dir = tempfile::tempdir().unwrap();
    let dev = dev(dir.path());
    let simulate = |secret: &str| {
        let principal = "arn:aws:iam::000000000000:user/nobody";
        let mut command = keystead(&[
            "simulate",
            "--principal",
            principal,
            "--action",
            "kms:Encrypt",
        ]);
        command.args(["--endpoint", &dev.url]);
        command.env("AWS_ACCESS_KEY_ID", "test");
        output(command.env("AWS_SECRET_ACCESS_KEY", secret))
    };
    let (done, text) = simulate("test");
    assert!(
        !done && text.contains("NoSuchEntity: The user with name nobody"),
        "{text}"
    );
    let (done, text) = simulate("wrong");
    assert!(!done && text.contains("SignatureDoesNotMatch"), "{text}");
    // The log has the first request; the second was refused before its caller was known.
    let audit = dir.path().join("audit");
    let records: String = std::fs::read_dir(&audit)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect();
    let id = records.split("\"requestID\":\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let (done, text) = output(&mut keystead(&["explain", id, "--data-dir", data_dir]));
    assert!(
        done && text.contains("iam.amazonaws.com SimulatePrincipalPolicy"),
        "{text}"
    );
    assert!(text.contains("arn:aws:iam::000000000000:root"), "{text}");
    let unknown = "00000000-0000-4000-8000-000000000000";
    let (done, text) = output(&mut keystead(&["explain", unknown, "--data-dir", data_dir]));
    assert!(!done && text.contains("has no record of request"), "{text}");
}

#[test]
fn a_stopped_server_gets_another_account() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    let add = |account: &str| {
        output(&mut keystead(&[
            "account",
            "add",
            "--data-dir",
            data,
            "--account",
            account,
        ]))
    };
    let (done, text) = add("111122223333");
    assert!(!done && text.contains("keystead init"), "{text}");
    let (done, text) = output(&mut keystead(&[
        "init",
        "--data-dir",
        data,
        "--region",
        "eu-central-1",
    ]));
    assert!(done, "{text}");
    assert!(dir.path().join("data/identities").is_dir());
    let (done, text) = add("111122223333");
    assert!(done, "{text}");
    assert!(text.contains("root user of account 111122223333"), "{text}");
    assert!(text.contains("export AWS_ACCESS_KEY_ID=AKIA"), "{text}");
    let (done, text) = add("1");
    assert!(!done && text.contains("12 digits"), "{text}");
    let global = ["init", "--data-dir", data, "--region", "aws-global-1"];
    let (done, text) = output(&mut keystead(&global));
    assert!(!done && text.contains("choose another"), "{text}");
}

#[test]
fn certificates_are_shown_over_tls_only() {
    let (done, text) = output(&mut keystead(&[
        "credential-process",
        "--endpoint",
        "http://127.0.0.1:1",
        "--certificate",
        "c",
        "--key",
        "k",
        "--role-arn",
        "arn:aws:iam::000000000000:role/r",
    ]));
    assert!(!done && text.contains("is not https"), "{text}");
}
