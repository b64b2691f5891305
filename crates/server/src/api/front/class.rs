//! How much a route may take.

use std::time::Duration;

use axum::http::Method;

use crate::settings::ServeSettings;

/// What a form holds beside its pictures, bytes.
const FORM: usize = 1 << 20;

/// Routes with the same bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Questions answered from memory and disk.
    Quick,
    /// A picture comes in and is checked.
    Check,
    /// A picture comes in and is marked.
    Stamp,
    /// Pictures are made.
    Make,
    /// Something long comes in to be kept: lists of pictures.
    Intake,
    /// The answer begins when it is ready and may go on: events, exports.
    Stream,
}

/// Routes that are not [`Class::Quick`]; the first whose method fits and whose beginning does.
const ROUTES: [(Method, &str, Class); 12] = [
    (Method::POST, "/v1/verify", Class::Check),
    (Method::POST, "/c2pa/", Class::Check),
    (Method::POST, "/v1/stamp", Class::Stamp),
    (Method::POST, "/v1/images/", Class::Make),
    (Method::POST, "/v1/jobs", Class::Intake),
    (Method::GET, "/v1/jobs/{id}/events", Class::Stream),
    (Method::GET, "/v1/jobs/{id}/results", Class::Stream),
    (Method::GET, "/v1/exports", Class::Stream),
    (Method::GET, "/v1/records/{id}/bundle", Class::Stream),
    (Method::GET, "/v1/stats", Class::Stream),
    (Method::GET, "/v1/events", Class::Stream),
    (Method::GET, "/auth/", Class::Stream),
];

impl Class {
    /// The class of a documented address.
    pub fn of(method: &Method, route: Option<&str>) -> Self {
        let Some(route) = route else {
            return Self::Quick;
        };
        let fits = |it: &&(Method, &str, Self)| it.0 == *method && route.starts_with(it.1);
        ROUTES.iter().find(fits).map_or(Self::Quick, |it| it.2)
    }

    /// Longest body, bytes.
    pub fn body(self, settings: &ServeSettings) -> usize {
        match self {
            Self::Quick | Self::Stream => settings.body_bytes.get(),
            Self::Check | Self::Stamp => settings.picture_bytes.get().saturating_add(FORM),
            // A picture and what is to change in it.
            Self::Make => settings
                .picture_bytes
                .get()
                .saturating_mul(2)
                .saturating_add(FORM),
            // Goes to the disk piece by piece; the limits of jobs bound it.
            Self::Intake => usize::MAX,
        }
    }

    /// Longest time to an answer, the body's arrival not counted.
    pub fn time(self, settings: &ServeSettings) -> Duration {
        match self {
            Self::Quick => settings.answer_time.0,
            Self::Check | Self::Stamp | Self::Intake | Self::Stream => settings.picture_time.0,
            Self::Make => settings.making_time.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_the_bounds_of_what_they_do() {
        for (method, route, class) in [
            (Method::POST, "/v1/verify", Class::Check),
            (Method::POST, "/v1/verify/url", Class::Check),
            (Method::GET, "/v1/verify", Class::Quick),
            (Method::POST, "/v1/images/generations", Class::Make),
            (Method::GET, "/v1/jobs/{id}", Class::Quick),
            (Method::GET, "/v1/jobs/{id}/events", Class::Stream),
            (Method::DELETE, "/v1/jobs/{id}", Class::Quick),
        ] {
            assert_eq!(Class::of(&method, Some(route)), class, "{method} {route}");
        }
        assert_eq!(Class::of(&Method::POST, None), Class::Quick);
    }
}
