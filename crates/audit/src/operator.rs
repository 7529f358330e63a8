//! Who administers a deployment: a user of the operating system, by a program.

use std::fs;

/// The user and the process that do something to a deployment as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The real user id of the process.
    pub user_id: u32,
    /// Its name in `/etc/passwd`, if it is there.
    pub user_name: Option<String>,
    /// The user id with which the session was begun, when the kernel knows: it stays the same
    /// through `su` and `sudo`.
    pub login_user_id: Option<u32>,
    /// The process.
    pub process_id: u32,
    /// The program and its command: `keystead/0.1.0 init`.
    pub program: String,
}

/// What the kernel says when no session was begun. Source: audit(7), `AUDIT_UID_UNSET`.
const NO_LOGIN: u32 = u32::MAX;

impl Operator {
    /// Who runs this process. `program` as in [`Operator::program`].
    pub fn of_this_process(program: String) -> Self {
        let user_id = rustix::process::getuid().as_raw();
        let passwd = fs::read("/etc/passwd").unwrap_or_default();
        let login = fs::read_to_string("/proc/self/loginuid").ok();
        let login = login.and_then(|text| text.trim().parse().ok());
        Self {
            user_id,
            user_name: name_of(&String::from_utf8_lossy(&passwd), user_id),
            login_user_id: login.filter(|id| *id != NO_LOGIN),
            process_id: std::process::id(),
            program,
        }
    }
}

/// The name of a user in the text of `/etc/passwd`.
fn name_of(passwd: &str, user_id: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(user_id)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_its_id() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nkms:x:998:1000::/:/bin/false\n";
        assert_eq!(name_of(passwd, 0).as_deref(), Some("root"));
        assert_eq!(name_of(passwd, 998).as_deref(), Some("kms"));
        assert_eq!(name_of(passwd, 1000), None);
    }

    #[test]
    fn this_process_is_named() {
        let operator = Operator::of_this_process("keystead/1 test".to_owned());
        assert_eq!(operator.process_id, std::process::id());
        assert_eq!(operator.program, "keystead/1 test");
    }
}
