use super::reference::Row;
use super::*;

/// Every family and the parts of it that are held against the reference.
fn families() -> Vec<(&'static str, Vec<Row>)> {
    vec![
        ("Qwen-Image", qwen_image::tests::rows()),
        ("FLUX.1 schnell", flux::tests::rows("flux_schnell")),
        ("FLUX.1 dev", flux::tests::rows("flux_dev")),
        ("Z-Image", z_image::tests::rows()),
        ("FLUX.2 klein", flux2::tests::rows()),
        ("Stable Diffusion 1", stable_diffusion::tests::first()),
        ("Stable Diffusion 2", stable_diffusion::tests::second()),
        ("Stable Diffusion XL", stable_diffusion::tests::xl()),
        (
            "Stable Diffusion XL Turbo",
            stable_diffusion::tests::turbo(),
        ),
    ]
}

/// On an accelerator, sums run in another order; a picture may differ by a step of eight bits.
#[cfg(feature = "cuda")]
#[test]
fn whole_pipelines_equal_the_reference_on_an_accelerator() {
    use super::reference::whole;
    let compute = Compute::open(DevicePreference::Cuda).expect("a device for the feature cuda");
    let mut rows = vec![
        ("Qwen-Image", whole("qwen_image", &qwen_image::tests::RUNS)),
        (
            "FLUX.1 schnell",
            whole("flux_schnell", &flux::tests::SCHNELL),
        ),
        ("FLUX.1 dev", whole("flux_dev", &flux::tests::DEV)),
        ("Z-Image", whole("z_image", &z_image::tests::RUNS)),
        ("FLUX.2 klein", whole("flux2", &flux2::tests::RUNS)),
    ];
    rows.extend(stable_diffusion::tests::pipelines());
    for (family, row) in &rows {
        println!(
            "| {family} | {} | {:.0e} |",
            compute.backend(),
            row.difference
        );
    }
    for (family, row) in rows {
        assert!(row.difference <= 4e-3, "{family}: {:e}", row.difference);
    }
}

const DOCUMENT: &str = "../../docs/parity.md";
const HEAD: &str = "# Networks and their references

For every part of every family a tiny model of the true shape, filled from one integer hash in both languages, held
against diffusers 0.42.1 and transformers 5.23 in `f32` on a processor: the largest difference of any value. Parts are run with odd
grids, texts of several lengths, batches of two and padding where they have them; whole pipelines from one seed at three sizes, without
guidance and with two scales where the family has it, and there the difference is that of a colour from 0 to 1 (half a step of eight bits
is 2e-3). Fixtures: `crates/diffusion/tests/reference/families`, each with the script that makes it.

Made by `UPDATE_GOLDEN=1 cargo test --release -p colophon-diffusion every_part`; the test holds what is allowed, and that the rows
are these. Measured on a 2-core x86-64 server; other processors round otherwise.

";

/// The table of the documentation is written from what was found with `UPDATE_GOLDEN=1`, and must have these rows.
#[test]
fn every_part_of_every_family_equals_the_reference() {
    let mut table = String::from(
        "| Family | Part | Largest difference | Allowed |\n| --- | --- | --- | --- |\n",
    );
    let mut failed = Vec::new();
    for (family, rows) in families() {
        for row in rows {
            let Row {
                part,
                difference,
                allowed,
            } = row;
            let line = format!("| {family} | {part} | {difference:.0e} | {allowed:.0e} |\n");
            table.push_str(&line);
            // NaN is less than nothing.
            if difference.is_nan() || difference > allowed {
                failed.push(format!("{family}, {part}: {difference:e}"));
            }
        }
    }
    println!("{table}");
    assert!(failed.is_empty(), "{failed:#?}");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    let found = format!("{HEAD}{table}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&document, &found).unwrap();
    }
    let told = std::fs::read_to_string(&document).unwrap();
    assert_eq!(without_differences(&told), without_differences(&found));
}

/// Rows without the third cell, which differs between processors.
fn without_differences(document: &str) -> Vec<String> {
    let row = |line: &str| match line.split('|').collect::<Vec<_>>().as_slice() {
        ["", family, part, _, allowed, ""] => format!("{family}|{part}|{allowed}"),
        _ => line.to_owned(),
    };
    document.lines().map(row).collect()
}
