//! Real children: this program starts itself again, with an argument that says what it shall do.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod misdeeds;
mod parent;
mod speed;

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("child") => return misdeeds::child(&arguments[1]),
        Some("parent") => return parent::short_lived(),
        _ => {}
    }
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    let tests = parent::TESTS.iter().chain(speed::TESTS);
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, test) in tests {
        if wanted.is_some_and(|wanted| !name.contains(wanted.as_str())) {
            skipped += 1;
            continue;
        }
        let result = catch_unwind(test);
        println!(
            "test {name} ... {}",
            if result.is_ok() { "ok" } else { "FAILED" }
        );
        if result.is_ok() {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; {skipped} filtered out\n"
    );
    ExitCode::from(u8::from(failed > 0))
}
