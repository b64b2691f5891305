//! The help of every command is public: a golden file each.

use crate::support::{Bench, golden};

const COMMANDS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["generate"],
    &["models"],
    &["models", "list"],
    &["models", "pull"],
    &["models", "verify"],
    &["models", "remove"],
    &["models", "info"],
    &["stamp"],
    &["verify"],
    &["watermark"],
    &["watermark", "embed"],
    &["watermark", "detect"],
    &["keys"],
    &["keys", "init"],
    &["keys", "show"],
    &["keys", "check"],
    &["keys", "list"],
    &["keys", "rotate"],
    &["keys", "revoke"],
    &["keys", "export-public"],
    &["keys", "backup"],
    &["keys", "restore"],
    &["keys", "csr"],
    &["keys", "import-certificate"],
    &["policy"],
    &["policy", "show"],
    &["policy", "check"],
    &["policy", "test"],
    &["policy", "explain"],
    &["policy", "diff"],
    &["policy", "publish"],
    &["access"],
    &["access", "create"],
    &["access", "list"],
    &["access", "show"],
    &["access", "revoke"],
    &["ledger"],
    &["ledger", "show"],
    &["ledger", "list"],
    &["ledger", "prove"],
    &["ledger", "receipt"],
    &["ledger", "check"],
    &["ledger", "erase"],
    &["ledger", "fsck"],
    &["ledger", "backup"],
    &["ledger", "restore"],
    &["ledger", "publish"],
    &["ledger", "seal"],
    &["ledger", "query"],
    &["ledger", "export"],
    &["ledger", "check-export"],
    &["ledger", "explain"],
    &["ledger", "stats"],
    &["ledger", "decisions"],
    &["ledger", "replay"],
    &["ledger", "monitor"],
    &["ledger", "mirror"],
    &["ledger", "serve"],
    &["ledger", "witnesses"],
    &["ledger", "evidence"],
    &["witness"],
    &["witness", "init"],
    &["witness", "add-log"],
    &["witness", "serve"],
    &["witness", "show"],
    &["trust"],
    &["trust", "list"],
    &["trust", "import"],
    &["trust", "show"],
    &["trust", "remove"],
    &["trust", "update"],
    &["trust", "revoke"],
    &["serve"],
    &["feedback"],
    &["feedback", "list"],
    &["feedback", "remove"],
    &["config"],
    &["config", "show"],
    &["completions"],
    &["man"],
];

#[test]
fn help_of_every_command() {
    let bench = Bench::new();
    for command in COMMANDS {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let help = bench.run(&arguments).code(0).out;
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "{help}"
        );
        let name = [&["colophon"], *command].concat().join("-");
        golden(&format!("help/{name}.txt"), &help);
    }
    assert_eq!(bench.names("."), [""; 0], "asking for help leaves nothing");
}

#[test]
fn completions_and_manual_pages_cover_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.run(&["completions", shell]).code(0).out;
        assert!(
            script.contains("trust-anchor") && script.contains("fsck"),
            "{shell}"
        );
    }
    bench.run(&["man"]).code(0).says(".TH");
    bench.run(&["man", "--out", "pages"]).code(0);
    let pages = bench.names("pages");
    for command in COMMANDS {
        let page = [&["colophon"], *command].concat().join("-") + ".1";
        assert!(pages.contains(&page), "{page} is not in {pages:?}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let bench = Bench::new();
    bench.run(&["stamp", "a.jpg"]).code(2).says("--out");
    bench
        .run(&["stamp", "a.jpg", "-o", "b.jpg", "--source", "painting"])
        .code(2)
        .says("trainedAlgorithmicMedia");
    bench
        .run(&["stamp", "a.jpg", "b.jpg", "-o", "c.jpg"])
        .code(2)
        .says("--out-dir");
    bench
        .run(&["stamp", "a/x.jpg", "b/x.jpg", "--out-dir", "c"])
        .code(2)
        .says("two of the pictures");
    bench
        .run(&["watermark", "embed", "a.jpg", "b.jpg", "--payload", "12"])
        .code(2)
        .says("16 hexadecimal digits");
    bench.run(&["verify"]).code(2).says("<FILE>");
    assert_eq!(bench.names("."), [""; 0]);
}
