//! The files of `web/` that are served. A list by hand costs nothing to build; a test holds it to the folder.

/// The frame of every page. Addresses in it begin with `/web/`.
pub(super) const INDEX: &str = include_str!("../../../../../web/index.html");

/// The style sheets of the first view. They are sent in the page itself: nothing is painted before the last of them has
/// come, and each file takes milliseconds.
pub(super) const FIRST_SHEETS: [&str; 4] = [
    "css/tokens.css",
    "css/base.css",
    "css/components.css",
    "css/verify.css",
];

macro_rules! files {
    ($($name:literal)+) => {
        /// Every other file, by its name below `web/`.
        pub(super) const ALL: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../../../../../web/", $name)))),+];
    };
}

files! {
    "css/base.css"
    "css/components.css"
    "css/pages.css"
    "css/record.css"
    "css/report.css"
    "css/tokens.css"
    "css/verify.css"
    "icon.svg"
    "js/api.js"
    "js/app.js"
    "js/choice.js"
    "js/dom.js"
    "js/early.js"
    "js/i18n.js"
    "js/log/bytes.js"
    "js/log/leaf.js"
    "js/log/note.js"
    "js/log/proof.js"
    "js/log/sha256.js"
    "js/log/tree.js"
    "js/log/watch.js"
    "js/pages/docs.js"
    "js/pages/docs/operation.js"
    "js/pages/docs/prose.js"
    "js/pages/docs/schema.js"
    "js/pages/docs/shapes.js"
    "js/pages/generate.js"
    "js/pages/generate/form.js"
    "js/pages/generate/gallery.js"
    "js/pages/generate/painter.js"
    "js/pages/generate/sign-in.js"
    "js/pages/generate/work.js"
    "js/pages/keys.js"
    "js/pages/ledger.js"
    "js/pages/ledger/events.js"
    "js/pages/ledger/exports.js"
    "js/pages/ledger/log.js"
    "js/pages/ledger/plots.js"
    "js/pages/ledger/records.js"
    "js/pages/ledger/shapes.js"
    "js/pages/ledger/since.js"
    "js/pages/missing.js"
    "js/pages/policy.js"
    "js/pages/policy/policies.js"
    "js/pages/policy/shapes.js"
    "js/pages/policy/verdicts.js"
    "js/pages/problem.js"
    "js/pages/record.js"
    "js/pages/status.js"
    "js/pages/status/detection.js"
    "js/pages/status/expiry.js"
    "js/pages/verify.js"
    "js/record/check.js"
    "js/record/shapes.js"
    "js/records.js"
    "js/report/chain.js"
    "js/report/evidence.js"
    "js/report/items.js"
    "js/report/ledger.js"
    "js/report/manifest.js"
    "js/report/picture.js"
    "js/report/traces.js"
    "js/report/view.js"
    "js/router.js"
    "js/routes.js"
    "js/session.js"
    "js/shell.js"
    "js/sse.js"
    "js/text.js"
    "js/ui/basic.js"
    "js/ui/chart.js"
    "js/ui/drop.js"
    "js/ui/form.js"
    "js/ui/key.js"
    "js/ui/lists.js"
    "js/ui/problem.js"
    "js/ui/rates.js"
    "js/ui/toast.js"
    "js/verify/actions.js"
    "js/verify/queue.js"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// What is in the folder and not served: what checks the files, and what tells of them.
    const NOT_SERVED: [&str; 3] = ["README.md", "index.html", "tsconfig.json"];

    fn below(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, root, found);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(name.replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
        let mut there = BTreeSet::new();
        below(&root, &root, &mut there);
        let hidden =
            |name: &String| NOT_SERVED.contains(&name.as_str()) || name.starts_with("types/");
        there.retain(|name| !hidden(name));
        let listed: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(listed, there);
        assert_eq!(listed.len(), ALL.len(), "a file is listed twice");
    }
}
