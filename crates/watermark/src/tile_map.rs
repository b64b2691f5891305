//! Where in the tile each place of a picture lies.

use crate::sync::{Matrix, inverted, transposed};

/// Map from a place in a picture, in pixels, to a place in the lattice, in tiles.
///
/// Pixel `i` covers `i` to `i + 1`. Affine, with a mesh of drifts where no affine map will do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TileMap {
    /// Tiles to a pixel.
    rows: Matrix,
    /// Place with the coordinates of a tile's corner, in pixels.
    corner: (f64, f64),
    mesh: Option<Mesh>,
}

/// Drifts on a square grid over a picture, bilinear between its nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mesh {
    /// Distance of the nodes in pixels; the first node is in the upper left corner.
    hop: f64,
    columns: usize,
    /// In tiles, row by row; at least two rows and columns.
    drifts: Vec<(f64, f64)>,
}

impl Mesh {
    pub(crate) fn new(hop: f64, columns: usize, drifts: Vec<(f64, f64)>) -> Self {
        Self {
            hop,
            columns,
            drifts,
        }
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let rows = self.drifts.len() / self.columns;
        let cell = |v: f64, count: usize| {
            let v = (v / self.hop).clamp(0.0, count as f64 - 1.001);
            (v as usize, v.fract())
        };
        let ((column, fx), (row, fy)) = (cell(x, self.columns), cell(y, rows));
        let index = row * self.columns + column;
        let mix = |part: fn(&(f64, f64)) -> f64| {
            let [a, b, c, d] =
                [0, 1, self.columns, self.columns + 1].map(|o| part(&self.drifts[index + o]));
            (a + fx * (b - a)) * (1.0 - fy) + (c + fx * (d - c)) * fy
        };
        (mix(|d| d.0), mix(|d| d.1))
    }
}

impl TileMap {
    /// The map under which harmonic `h` lies at frequency `basis * h`, in cycles a pixel, and
    /// `corner` in the corner of a tile.
    pub(crate) fn affine(basis: Matrix, corner: (f64, f64)) -> Self {
        Self {
            rows: transposed(basis),
            corner,
            mesh: None,
        }
    }

    /// The same with drifts added.
    pub(crate) fn with_mesh(&self, mesh: Mesh) -> Self {
        Self {
            rows: self.rows,
            corner: self.corner,
            mesh: Some(mesh),
        }
    }

    /// The affine map that agrees with this one about a place.
    pub(crate) fn affine_about(&self, (x, y): (f64, f64)) -> Self {
        let rows = self.derivative(x, y);
        let (u, v) = self.at(x, y);
        let inverse = inverted(rows).unwrap_or([[0.0; 2]; 2]);
        let from_corner = inverse.map(|row| row[0] * u + row[1] * v);
        Self {
            rows,
            corner: (x - from_corner[0], y - from_corner[1]),
            mesh: None,
        }
    }

    /// The same picture at another size: `factor` of its pixels to one of the present ones.
    pub(crate) fn enlarged(&self, factor: f64) -> Self {
        let mesh = self.mesh.as_ref().map(|mesh| Mesh {
            hop: mesh.hop * factor,
            ..mesh.clone()
        });
        Self {
            rows: self.rows.map(|row| row.map(|value| value / factor)),
            corner: (self.corner.0 * factor, self.corner.1 * factor),
            mesh,
        }
    }

    /// In tiles.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let r = &self.rows;
        let drift = self.mesh.as_ref().map_or((0.0, 0.0), |mesh| mesh.at(x, y));
        let (x, y) = (x - self.corner.0, y - self.corner.1);
        (
            r[0][0] * x + r[0][1] * y + drift.0,
            r[1][0] * x + r[1][1] * y + drift.1,
        )
    }

    /// Derivative about a place: tiles to a pixel, row by row.
    pub(crate) fn derivative(&self, x: f64, y: f64) -> Matrix {
        let reach = self.mesh.as_ref().map_or(1.0, |mesh| mesh.hop);
        let (left, right) = (self.at(x - reach, y), self.at(x + reach, y));
        let (up, down) = (self.at(x, y - reach), self.at(x, y + reach));
        let slope = |before: f64, after: f64| (after - before) / (2.0 * reach);
        [
            [slope(left.0, right.0), slope(up.0, down.0)],
            [slope(left.1, right.1), slope(up.1, down.1)],
        ]
    }

    /// Side of a square with the area of the tile at a place, in pixels.
    pub(crate) fn tile_side(&self, x: f64, y: f64) -> f64 {
        let d = self.derivative(x, y);
        let area = (d[0][0] * d[1][1] - d[0][1] * d[1][0]).abs();
        1.0 / area.sqrt().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_affine_map_about_a_place_agrees_there() {
        let straight = TileMap::affine([[0.01, 0.002], [-0.003, 0.012]], (7.0, -4.0));
        // Drifts that grow to the right.
        let drifts = (0..9).map(|i| (0.02 * f64::from(i % 3), 0.0)).collect();
        let bent = straight.with_mesh(Mesh::new(100.0, 3, drifts));
        let place = (90.0, 60.0);
        let about = bent.affine_about(place);
        let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() + (a.1 - b.1).abs() < 1e-9;
        assert!(near(about.at(90.0, 60.0), bent.at(90.0, 60.0)));
        assert_eq!(
            about
                .derivative(0.0, 0.0)
                .map(|r| r.map(|v| (v * 1e9).round())),
            bent.derivative(90.0, 60.0)
                .map(|r| r.map(|v| (v * 1e9).round()))
        );
        assert!(!near(about.at(190.0, 60.0), straight.at(190.0, 60.0)));
    }
}
