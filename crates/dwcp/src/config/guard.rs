//! `guard` as [`GuardSettings`].

use super::model::GuardSection;
use super::problem::ConfigProblem;
use dwcp_guard::{Guard, GuardSettings};

/// The settings the section asks for; `None` where it switches the guard off.
pub(super) fn settings(section: &GuardSection) -> Result<Option<GuardSettings>, ConfigProblem> {
    let defaults = GuardSettings::default();
    let exempt = section.exempt.iter().flatten().map(|text| {
        text.parse().map_err(|error| {
            ConfigProblem::new(
                "guard.exempt",
                format!("`{text}`: {error}"),
                "write a prefix such as 10.0.0.0/8",
            )
        })
    });
    let settings = GuardSettings {
        handshakes_per_second: section.handshakes_per_second.unwrap_or(defaults.handshakes_per_second),
        burst: section.burst.unwrap_or(defaults.burst),
        max_connections: section.max_connections.unwrap_or(defaults.max_connections),
        max_connections_per_source: section
            .max_connections_per_source
            .unwrap_or(defaults.max_connections_per_source),
        exempt: exempt.collect::<Result<_, _>>()?,
        ..defaults
    };
    Guard::new(settings.clone()).map_err(|error| {
        ConfigProblem::new("guard", error.to_string(), "remove the key to use the default")
    })?;
    Ok((section.enabled != Some(false)).then_some(settings))
}
