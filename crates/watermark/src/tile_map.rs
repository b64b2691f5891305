//! Where in the tile each place of a picture lies.

use crate::sync::Matrix;

/// Map from a place in a picture, in pixels, to a place in the lattice, in tiles.
///
/// Pixel `i` covers `i` to `i + 1`. A homography, of which an affine map is a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TileMap {
    rows: [[f64; 3]; 3],
}

impl TileMap {
    /// The map under which harmonic `h` lies at frequency `basis * h`, in cycles a pixel, and the
    /// upper left corner in the corner of a tile.
    pub(crate) fn affine(basis: Matrix) -> Self {
        Self {
            rows: [
                [basis[0][0], basis[1][0], 0.0],
                [basis[0][1], basis[1][1], 0.0],
                [0.0, 0.0, 1.0],
            ],
        }
    }

    /// The same picture at another size: `factor` of its pixels to one of the present ones.
    pub(crate) fn enlarged(&self, factor: f64) -> Self {
        let mut rows = self.rows;
        for row in &mut rows {
            row[0] /= factor;
            row[1] /= factor;
        }
        Self { rows }
    }

    /// In tiles.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let r = &self.rows;
        let w = r[2][0] * x + r[2][1] * y + r[2][2];
        (
            (r[0][0] * x + r[0][1] * y + r[0][2]) / w,
            (r[1][0] * x + r[1][1] * y + r[1][2]) / w,
        )
    }

    /// Derivative at a place: tiles to a pixel, row by row.
    pub(crate) fn derivative(&self, x: f64, y: f64) -> Matrix {
        let r = &self.rows;
        let w = r[2][0] * x + r[2][1] * y + r[2][2];
        let (u, v) = self.at(x, y);
        [
            [(r[0][0] - u * r[2][0]) / w, (r[0][1] - u * r[2][1]) / w],
            [(r[1][0] - v * r[2][0]) / w, (r[1][1] - v * r[2][1]) / w],
        ]
    }
}
