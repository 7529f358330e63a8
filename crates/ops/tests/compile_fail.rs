//! The wrong programs that must not compile, each beside the compiler's words in its `.stderr`.

#[test]
fn wrong_programs_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/compile_fail/right_program.rs");
    for wrong in [
        "encrypting_key_edits",
        "dispatch_without_an_arm",
        "dispatch_without_an_operation",
        "forged_change",
        "forged_ready",
        "hsm_key_type",
        "plaintext_compared",
        "plaintext_printed",
        "signing_key_encrypts",
        "spec_with_too_few_actions",
        "spec_without_action",
        "spec_without_states",
        "unaudited_answer",
        "unaudited_answer_forged",
    ] {
        cases.compile_fail(format!("tests/compile_fail/{wrong}.rs"));
    }
}
