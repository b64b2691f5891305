//! The documentation tells what the code does.

use colophon_audit::ALL_COLUMNS;

#[test]
fn the_documentation_tells_every_column() {
    let text = include_str!("../../../../docs/audit.md");
    let (_, table) = text.split_once("## Columns").unwrap();
    let written: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let known: Vec<String> = ALL_COLUMNS
        .iter()
        .map(|column| {
            let kind = format!("{:?}", column.kind).to_lowercase();
            format!("| `{}` | {kind} | {} |", column.name, column.meaning)
        })
        .collect();
    assert_eq!(
        written,
        known,
        "copy these lines to docs/audit.md:\n{}",
        known.join("\n")
    );
}
