//! A taxonomy: a closed set of labels. Every change makes a new version, and versions never change; a label keeps its id
//! through renames.

use super::{
    Timestamp,
    errors::{Checks, Error, Result},
    identifiers::TaxonomyId,
    labels::{Label, LabelId},
    text_fields::{LONGEST_DESCRIPTION, LONGEST_NAME, Slug, check_required_text, check_text},
};
use sqlx::types::Json;
use std::collections::HashSet;

/// The fewest labels that make a choice.
pub const FEWEST_LABELS: usize = 2;
/// The most labels of a taxonomy.
pub const MOST_LABELS: usize = 200;
/// The most examples of one label.
pub const MOST_EXAMPLES: usize = 500;
/// The longest example, in characters.
pub const LONGEST_EXAMPLE: usize = 5_000;

/// A taxonomy at one of its versions, usually the newest.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Taxonomy {
    pub id: TaxonomyId,
    pub slug: Slug,
    /// 1 when created, one more with every change; the ETag.
    pub version: i64,
    pub name: String,
    pub description: String,
    /// Below this probability a classification abstains; `None` for the engine's own default.
    pub threshold: Option<f64>,
    pub labels: Json<Vec<Label>>,
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

/// A label as a person writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LabelDraft {
    /// Leave out to keep the id of the label with this name, or to have one made from the name.
    pub id: Option<String>,
    pub name: String,
    pub description: String,
    pub examples: Vec<String>,
}

impl From<&Label> for LabelDraft {
    fn from(label: &Label) -> Self {
        Self {
            id: Some(label.id.0.clone()),
            name: label.name.clone(),
            description: label.description.clone(),
            examples: label.examples.clone(),
        }
    }
}

/// What a person may choose about a taxonomy.
#[derive(Debug, Clone, PartialEq)]
pub struct TaxonomyDraft {
    pub name: String,
    pub description: String,
    pub threshold: Option<f64>,
    pub labels: Vec<LabelDraft>,
}

/// A draft that was checked, with an id for each label.
#[derive(Debug, Clone, PartialEq)]
pub struct TaxonomyFields {
    pub name: String,
    pub description: String,
    pub threshold: Option<f64>,
    pub labels: Vec<Label>,
}

impl TaxonomyDraft {
    /// Checks the draft and gives every label an id. `previous` are the labels of the version before: a label without an id
    /// keeps the one of its namesake there.
    ///
    /// # Errors
    /// `Error::Invalid` with every field that cannot be accepted.
    pub fn resolve(self, previous: &[Label]) -> Result<TaxonomyFields> {
        let mut checks = Checks::default();
        checks.take("", check_required_text("/name", &self.name, LONGEST_NAME))?;
        checks.take("", check_text("/description", &self.description, LONGEST_DESCRIPTION))?;
        checks.take("", check_threshold("/threshold", self.threshold))?;
        let labels = checks.take("", resolve_labels(self.labels, previous))?;
        checks.finish()?;
        Ok(TaxonomyFields {
            name: self.name.trim().to_owned(),
            description: self.description.trim().to_owned(),
            threshold: self.threshold,
            labels: labels.unwrap_or_default(),
        })
    }
}

/// # Errors
/// `Error::Invalid` at `pointer` unless the threshold is a probability.
pub fn check_threshold(pointer: &str, threshold: Option<f64>) -> Result<()> {
    match threshold {
        Some(threshold) if !(0.0..=1.0).contains(&threshold) => {
            Err(Error::invalid(pointer, "must be a probability, 0 to 1"))
        }
        _ => Ok(()),
    }
}

/// Checks a set of labels and gives each an id; pointers start at `/labels`.
///
/// # Errors
/// `Error::Invalid` with every field that cannot be accepted.
pub fn resolve_labels(drafts: Vec<LabelDraft>, previous: &[Label]) -> Result<Vec<Label>> {
    if !(FEWEST_LABELS..=MOST_LABELS).contains(&drafts.len()) {
        return Err(Error::invalid(
            "/labels",
            format!(
                "must have {FEWEST_LABELS} to {MOST_LABELS} labels; there are {}",
                drafts.len()
            ),
        ));
    }
    let mut checks = Checks::default();
    for (index, draft) in drafts.iter().enumerate() {
        check_label(&mut checks, &format!("/labels/{index}"), draft)?;
    }
    let mut names = HashSet::new();
    for (index, draft) in drafts.iter().enumerate() {
        if !names.insert(draft.name.trim().to_lowercase()) {
            let repeated = Error::invalid(format!("/labels/{index}/name"), "is the name of another label already");
            checks.take::<()>("", Err(repeated))?;
        }
    }
    // Ids that were written down come first, so that none made from a name can take them.
    let mut taken: HashSet<String> = HashSet::new();
    for (index, id) in drafts
        .iter()
        .enumerate()
        .filter_map(|(index, draft)| Some((index, draft.id.as_ref()?)))
    {
        if !taken.insert(id.clone()) {
            let repeated = Error::invalid(format!("/labels/{index}/id"), "is the id of another label already");
            checks.take::<()>("", Err(repeated))?;
        }
    }
    checks.finish()?;
    Ok(drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| with_id(draft, index, previous, &mut taken))
        .collect())
}

fn check_label(checks: &mut Checks, place: &str, draft: &LabelDraft) -> Result<()> {
    checks.take(place, check_required_text("/name", &draft.name, LONGEST_NAME))?;
    checks.take(
        place,
        check_text("/description", &draft.description, LONGEST_DESCRIPTION),
    )?;
    if let Some(id) = &draft.id {
        checks.take(place, Slug::parse("/id", id))?;
    }
    if draft.examples.len() > MOST_EXAMPLES {
        let many = format!(
            "has {} examples; at most {MOST_EXAMPLES} are allowed",
            draft.examples.len()
        );
        checks.take::<()>(place, Err(Error::invalid("/examples", many)))?;
    }
    for (index, example) in draft.examples.iter().enumerate() {
        checks.take(
            place,
            check_required_text(&format!("/examples/{index}"), example, LONGEST_EXAMPLE),
        )?;
    }
    Ok(())
}

fn with_id(draft: LabelDraft, index: usize, previous: &[Label], taken: &mut HashSet<String>) -> Label {
    let name = draft.name.trim().to_owned();
    let id = draft.id.unwrap_or_else(|| {
        let namesake = previous
            .iter()
            .find(|label| label.name.to_lowercase() == name.to_lowercase());
        let wished = namesake.map_or_else(
            || Slug::from_name(&name, &format!("label-{}", index + 1)).to_string(),
            |label| label.id.0.clone(),
        );
        let in_use = |id: &String| {
            let another = previous
                .iter()
                .any(|label| label.id.0 == *id && namesake != Some(label));
            another || taken.contains(id)
        };
        let numbered = (2..).map(|number| format!("{}-{number}", wished.chars().take(58).collect::<String>()));
        std::iter::once(wished.clone())
            .chain(numbered)
            .find(|id| !in_use(id))
            .unwrap_or(wished)
    });
    taken.insert(id.clone());
    Label {
        id: LabelId(id),
        name,
        description: draft.description.trim().to_owned(),
        examples: draft.examples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(id: Option<&str>, name: &str) -> LabelDraft {
        LabelDraft {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            ..LabelDraft::default()
        }
    }

    fn ids(labels: &[Label]) -> Vec<&str> {
        labels.iter().map(|label| label.id.0.as_str()).collect()
    }

    #[test]
    fn ids_come_from_names_and_stay_through_renames() {
        let first = resolve_labels(vec![draft(None, "Bug report"), draft(None, "Billing")], &[]).unwrap();
        assert_eq!(ids(&first), ["bug-report", "billing"]);
        let renamed = vec![
            draft(Some("bug-report"), "Defect"),
            draft(None, "BILLING"),
            draft(None, "Bug report"),
        ];
        let second = resolve_labels(renamed, &first).unwrap();
        assert_eq!(ids(&second), ["bug-report", "billing", "bug-report-2"]);
    }

    #[test]
    fn names_without_latin_letters_get_a_number() {
        let labels = resolve_labels(vec![draft(None, "請求"), draft(None, "不具合")], &[]).unwrap();
        assert_eq!(ids(&labels), ["label-1", "label-2"]);
    }

    #[test]
    fn each_bad_label_is_named_by_its_place() {
        let bad = vec![draft(None, "A"), draft(Some("Not A Slug"), ""), draft(None, "a")];
        let error = resolve_labels(bad, &[]).unwrap_err().to_string();
        for place in ["/labels/1/name", "/labels/1/id", "/labels/2/name"] {
            assert!(error.contains(place), "{place} in {error}");
        }
        assert!(resolve_labels(vec![draft(None, "one")], &[]).is_err());
    }
}
