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

/// With `UPDATE_GOLDEN=1` the table of the documentation is written from what was found.
#[test]
fn every_part_of_every_family_equals_the_reference() {
    let mut table = String::from(
        "| Family | Part | Largest difference | Allowed |\n| --- | --- | --- | --- |\n",
    );
    let mut failed = Vec::new();
    for (family, rows) in families() {
        for Row {
            part,
            difference,
            allowed,
        } in rows
        {
            // Written rounded up to a digit, so that another machine's last place does not change it.
            table += &format!("| {family} | {part} | {difference:.0e} | {allowed:.0e} |\n");
            if !(difference <= allowed) {
                failed.push(format!("{family}, {part}: {difference:e}"));
            }
        }
    }
    println!("{table}");
    assert!(failed.is_empty(), "{failed:#?}");
}
