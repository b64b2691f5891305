//! Reports for people. A [`colophon_provenance::Report`] becomes words ([`mod@document`], from the catalogue
//! `policies/wording`), and the words are set for a [`terminal`] or as a web page ([`html`]).
//!
//! Knows no files, no clock and no command line. Nothing from a stranger's file can leave its place: it
//! is cleaned and kept apart in every [`Phrase`], and each setter escapes what it sets.

mod document;
mod evidence;
pub mod html;
mod phrase;
pub mod terminal;
pub mod text;

pub use phrase::Phrase;
