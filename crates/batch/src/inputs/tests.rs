use std::fs;

use super::*;

/// A folder, and the names found in it relative to it; trouble is told as `!NAME`.
fn found(dir: &Path, arguments: &[&str]) -> Vec<String> {
    let arguments: Vec<PathBuf> = arguments.iter().map(|name| dir.join(name)).collect();
    let inputs = Inputs::new(&arguments).unwrap();
    let relative = |path: &Path| {
        let path = path.strip_prefix(dir).unwrap_or(path);
        path.to_string_lossy().into_owned()
    };
    inputs
        .items()
        .map(|item| match item {
            Item::File(input) => relative(&input.path),
            Item::Trouble { name, .. } => format!("!{}", relative(Path::new(&name))),
        })
        .collect()
}

fn folder(names: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    dir
}

#[test]
fn folders_are_walked_in_order_without_hidden_names_and_links() {
    let dir = folder(&[
        "b.png",
        "a/z.jpg",
        "a/b/c.jpg",
        "c",
        ".git/x.png",
        "a/.hidden.png",
    ]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("c"), dir.path().join("d.png")).unwrap();
    }
    assert_eq!(
        found(dir.path(), &["."]),
        ["a/b/c.jpg", "a/z.jpg", "b.png", "c"]
    );
    assert_eq!(
        found(dir.path(), &["none.jpg", "b.png"]),
        ["none.jpg", "b.png"]
    );
}

#[test]
fn patterns_match_whole_paths() {
    let dir = folder(&[
        "a.jpg",
        "b.png",
        "s/c.jpg",
        "s/t/d.jpg",
        "x*y.jpg",
        "xzy.jpg",
    ]);
    assert_eq!(
        found(dir.path(), &["*.jpg"]),
        ["a.jpg", "x*y.jpg", "xzy.jpg"]
    );
    assert_eq!(found(dir.path(), &["**/*.jpg"]).len(), 5);
    assert_eq!(found(dir.path(), &["s/*/*.jpg"]), ["s/t/d.jpg"]);
    assert_eq!(found(dir.path(), &["{a,b}.*"]), ["a.jpg", "b.png"]);
    // A file of that very name is meant as it stands.
    assert_eq!(found(dir.path(), &["x*y.jpg"]), ["x*y.jpg"]);
    assert_eq!(found(dir.path(), &["*.tif"]), ["!*.tif"]);
    assert!(matches!(
        Inputs::new(&["[".into()]),
        Err(BatchError::Pattern { .. })
    ));
}

#[test]
fn lists_name_files_and_say_more_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let long = format!("{{\"file\": \"{}\"}}", "x".repeat(70_000));
    let lines = [
        r#"{"file": "a.jpg", "id": 7, "tags": ["x"]}"#,
        "",
        r#"{"name": "b.jpg"}"#,
        "not JSON",
        &long,
        r#"{"file": "a\nb.jpg"}"#,
    ];
    let path = dir.path().join("list.jsonl");
    fs::write(&path, lines.join("\r\n")).unwrap();
    let inputs = Inputs::new(&[path]).unwrap();
    let items: Vec<Item> = inputs.items().collect();
    assert_eq!(items.len(), 5);
    let Item::File(first) = &items[0] else {
        panic!("{:?}", items[0]);
    };
    assert_eq!(first.path, Path::new("a.jpg"));
    assert_eq!(
        serde_json::to_string(&first.extra).unwrap(),
        r#"{"id":7,"tags":["x"]}"#
    );
    for (item, line) in items[1..4].iter().zip([3, 4, 5]) {
        let Item::Trouble { name, .. } = item else {
            panic!("{item:?}");
        };
        assert!(name.ends_with(&format!("list.jsonl:{line}")), "{name}");
    }
    assert!(matches!(&items[4], Item::File(input) if input.path == Path::new("a\nb.jpg")));

    let plain = dir.path().join("list.txt");
    fs::write(&plain, "a.jpg\n{\"file\": \"b.jpg\"}\n").unwrap();
    assert_eq!(
        found(dir.path(), &["list.txt"]),
        ["a.jpg", "{\"file\": \"b.jpg\"}"]
    );
    assert_eq!(found(dir.path(), &["gone.jsonl"]), ["!gone.jsonl"]);
}

#[test]
fn pictures_are_told_by_name_or_content() {
    for head in [
        &b"\x89PNG\r\n\x1a\n"[..],
        b"\xff\xd8\xff\xe0",
        b"II*\0\x08\0\0\0",
        b"\0\0\0\x20ftypavif\0\0\0\0",
        b"\x89PNG",
    ] {
        assert!(is_picture(head), "{head:?}");
    }
    for head in [
        &b"# Notes"[..],
        b"",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"<!DOCTYPE html>",
    ] {
        assert!(!is_picture(head), "{head:?}");
    }
    assert!(is_named_picture(Path::new("a.JPEG")) && is_named_picture(Path::new("a.heic")));
    assert!(!is_named_picture(Path::new("a.txt")) && !is_named_picture(Path::new("jpg")));
}
