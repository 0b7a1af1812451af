//! What commands about people and keys share: arguments that name collections, and refusals in the words of the command line.

use crate::{
    domain::{
        Error,
        errors::Field,
        principal::{Actor, Reach},
    },
    services::Services,
};
use anyhow::{Result, anyhow};

/// The collections that `--collection` names; all of them when it is not given.
pub(super) async fn reach(services: &Services, names: &[String]) -> Result<Reach> {
    let restriction = (!names.is_empty()).then_some(names);
    let resolved = services.users.resolve_reach(&Actor::operator(), restriction).await;
    resolved.map_err(|error| {
        let Error::Invalid(violations) = &error else {
            return error.into();
        };
        let unknown = violations.iter().filter_map(|violation| {
            let (_, index) = pointer(&violation.field).rsplit_once('/')?;
            names.get(index.parse::<usize>().ok()?).map(String::as_str)
        });
        let unknown = unknown.collect::<Vec<_>>().join("`, `");
        if unknown.is_empty() {
            return in_words(error, &[("/collections", "--collection")]);
        }
        anyhow!("there is no collection `{unknown}`")
    })
}

/// A refusal with the names of arguments and settings in place of pointers into a request: pairs of `/email` and `EMAIL`.
pub(super) fn in_words(error: Error, names: &[(&str, &str)]) -> anyhow::Error {
    let Error::Invalid(violations) = &error else {
        return error.into();
    };
    let words = violations.iter().map(|violation| {
        let pointer = pointer(&violation.field);
        let name = names.iter().find(|(known, _)| *known == pointer);
        format!("`{}` {}", name.map_or(pointer, |(_, name)| name), violation.message)
    });
    anyhow!(words.collect::<Vec<_>>().join("; "))
}

fn pointer(field: &Field) -> &str {
    match field {
        Field::Body(pointer) | Field::Parameter(pointer) => pointer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_argument() {
        let names = [("/email", "EMAIL")];
        let said = in_words(Error::invalid("/email", "must not be empty"), &names).to_string();
        assert_eq!(said, "`EMAIL` must not be empty");
        let said = in_words(Error::Conflict("taken".to_owned()), &names).to_string();
        assert_eq!(said, "taken");
    }
}
