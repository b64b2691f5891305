//! Layers that files of one model call and cut differently.

use crate::error::DiffusionError;
use crate::lora::Fused;
use crate::weights::Weights;

/// Tensors of a layer that are cut like its rows, and those that are one number for all of it.
const ROWS: [&str; 3] = ["weight.scale", "weight", "bias"];
const WHOLE: [&str; 2] = ["scale_weight", "weight_scale"];

/// Gives the tensors of those `layers` that the weights have the names of their parts, and cuts them where there are
/// several.
pub(super) fn unify(weights: &mut Weights, layers: &[Fused]) -> Result<(), DiffusionError> {
    for Fused { name, parts } in layers {
        for kind in ROWS {
            let whole = format!("{name}.{kind}");
            if weights.contains(&whole) {
                let named = |(part, rows): &(String, usize)| (format!("{part}.{kind}"), *rows);
                let parts: Vec<(String, usize)> = parts.iter().map(named).collect();
                weights.split_rows(&whole, &parts)?;
            }
        }
        for kind in WHOLE {
            let whole = format!("{name}.{kind}");
            if weights.contains(&whole) {
                let names = parts.iter().map(|(part, _)| format!("{part}.{kind}"));
                weights.share(&whole, names)?;
            }
        }
    }
    Ok(())
}
