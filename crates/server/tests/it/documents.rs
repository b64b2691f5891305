//! Documents that are written from the code: the `OpenAPI` document and the table of settings.

use std::path::{Path, PathBuf};
use std::process::Command;

use colophon_server::{Declared, ServeSettings, openapi};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares with a file; `UPDATE_GOLDEN=1` writes it instead.
fn compare(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == expected,
        "{} is not what the code says; UPDATE_GOLDEN=1 writes it anew",
        path.display()
    );
}

#[test]
fn the_openapi_document_changes_only_on_purpose() {
    let text = openapi().to_pretty_json().unwrap();
    compare(&root().join("tests/golden/openapi.json"), &(text + "\n"));
}

#[test]
fn every_setting_is_documented() {
    let path = root().join("docs/operations.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- settings -->\n", "<!-- /settings -->");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let mut table = String::from("\n| setting | default | |\n| --- | --- | --- |\n");
    for setting in ServeSettings::DECLARED {
        let default = match setting.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        let about = setting.about.trim();
        table.extend(["| `", setting.name, "` | ", &default, " | ", about, " |\n"]);
    }
    compare(&path, &format!("{before}{begin}{table}\n{end}{after}"));
}

/// Lines of a file that say something.
fn lines(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let said = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    said.map(str::to_owned).collect()
}

#[test]
fn files_for_deployment_name_settings_that_there_are() {
    let declared: Vec<String> = ServeSettings::DECLARED
        .iter()
        .map(Declared::variable)
        .collect();
    let mut named = 0;
    for file in ["docs/deploy/Containerfile", "docs/deploy/colophon.service"] {
        for line in lines(file) {
            for word in line.split(|c: char| !c.is_ascii_uppercase() && c != '_') {
                if word.starts_with("COLOPHON_SERVE_") {
                    assert!(declared.iter().any(|it| it == word), "{word} in {file}");
                    named += 1;
                }
            }
        }
    }
    assert!(named > 0, "the words were found");
}

#[test]
fn the_container_runs_as_nobody_in_particular_and_is_watched() {
    let lines = lines("docs/deploy/Containerfile");
    let last = lines
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .unwrap();
    let run = &lines[last..];
    let has = |word: &str| run.iter().any(|line| line.trim_start().starts_with(word));
    assert!(
        last > 0 && has("COPY --from=build "),
        "built in a stage of its own"
    );
    assert!(has("USER 8750:8750") && has("HEALTHCHECK ") && has("ENTRYPOINT "));
    assert!(!run.iter().any(|line| line.contains("cargo ")));
}

/// systemd's own marks for what a service may still do: 0 is nothing, 10 everything.
#[test]
fn the_unit_leaves_the_service_few_rights() {
    let unit = root().join("docs/deploy/colophon.service");
    let marked = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
        .arg(&unit)
        .output();
    match marked {
        Ok(marked) => assert!(
            marked.status.success(),
            "worse than 2.0:\n{}",
            String::from_utf8_lossy(&marked.stdout)
        ),
        Err(_) => println!("skipped: there is no systemd-analyze here"),
    }
}
