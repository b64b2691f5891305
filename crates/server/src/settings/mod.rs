//! The settings of the service: declared once, read from file, environment and command line.
//!
//! A setting is one entry of [`settings!`]. Its name in the table `[serve]` of `config.toml`, its variable
//! (`COLOPHON_SERVE_NAME`), its flag (`--name`), its help and its line in `docs/operations.md` follow from that. The
//! command line wins over the environment, that over the file, that over the default.

mod layers;
mod serve;
mod value;

pub use layers::{Declared, Layers, SettingError, Shown};
pub use serve::ServeSettings;
pub use value::{AccessLog, ByteCount, Hosts, Network, Span};

/// Before the names of variables.
pub const VARIABLES: &str = "COLOPHON_SERVE_";

/// Declares settings: the type with a field for each, and what is told of each.
macro_rules! settings {
    ($(#[doc = $about:literal])* pub struct $type:ident {
        $($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:literal,)+
    }) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $type {
            $($(#[doc = $doc])+ pub $name: $kind,)+
            shown: Vec<$crate::settings::Shown>,
        }

        impl $type {
            /// Every setting, in the order of the documents.
            pub const DECLARED: &'static [$crate::settings::Declared] = &[$(
                $crate::settings::Declared {
                    name: stringify!($name),
                    kind: <$kind as $crate::settings::value::Value>::KIND,
                    default: $default,
                    about: concat!($($doc),+),
                }
            ),+];

            /// Reads all of them, and checks that they go together.
            ///
            /// # Errors
            /// [`SettingError`]($crate::settings::SettingError) names the setting and where it is from.
            pub fn read(layers: &$crate::settings::Layers<'_>) -> Result<Self, $crate::settings::SettingError> {
                layers.refuse_unknown(Self::DECLARED)?;
                let mut shown = Vec::new();
                let settings = Self {
                    $($name: layers.read(stringify!($name), $default, &mut shown)?,)+
                    shown,
                };
                settings.check()?;
                Ok(settings)
            }

            /// Every value, and where it is from.
            pub fn shown(&self) -> &[$crate::settings::Shown] {
                &self.shown
            }
        }
    };
}
use settings;

#[cfg(test)]
mod tests;
