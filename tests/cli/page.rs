//! Reports as a web page, and in German.

use crate::support::stamped;

#[test]
fn reports_become_one_page_with_pictures() {
    let bench = stamped();
    let arguments = ["verify", "--html", "page.html", "stamped.jpg", "other.jpg"];
    let told = bench.run(&arguments).code(3).out;
    assert!(told.contains("Signed by Colophon local issuer"), "{told}");
    let page = String::from_utf8(bench.read("page.html")).unwrap();
    assert_eq!(page.matches("<article").count(), 2);
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,/9j/").count(), 2);
    assert!(page.contains("Signed by Colophon local issuer"));
    assert!(
        !page.contains("<svg"),
        "where a mark reads is for operators"
    );
    bench.run(&arguments).code(2).says("exists already");
    let full = ["verify", "--full", "--html", "full.html", "stamped.jpg"];
    bench.run(&full).code(0);
    let page = String::from_utf8(bench.read("full.html")).unwrap();
    assert!(page.contains("<svg"), "where the mark reads");
}

#[test]
fn a_report_is_german_throughout() {
    let bench = stamped();
    let told = bench.run(&["verify", "-v", "--lang", "de", "stamped.jpg", "other.jpg"]);
    let told = told.code(3).out;
    for word in [
        "Empfohlen: ",
        "Markierung",
        "Nicht geprüft",
        "Unversehrtheit: ",
        "Regel ",
    ] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    for word in [
        "Recommended",
        "Watermark",
        "Not checked",
        " the ",
        " with ",
        "rule ",
    ] {
        assert!(!told.contains(word), "{word} is in {told}");
    }
}
