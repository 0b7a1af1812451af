//! Which collections there are for a user, and how they are named: for users and for API keys alike.

use crate::{
    db::Tx,
    domain::{
        Error, Result,
        errors::Checks,
        identifiers::{CollectionId, UserId},
        principal::{Actor, Reach},
        text_fields::{NameOrId, Slug, check_text},
        users::{User, UserRow},
    },
    repositories::{collections, users},
};
use std::collections::{HashMap, HashSet};

/// The user of this id, inside a transaction.
pub(super) async fn find_user(tx: &mut Tx, id: UserId) -> Result<User> {
    let row = users::find(tx, id).await?;
    with_reach(tx, row.ok_or_else(|| Error::not_found("user", id))?).await
}

pub(super) async fn with_reach(tx: &mut Tx, row: UserRow) -> Result<User> {
    let reach = if row.all_collections {
        Reach::Everything
    } else {
        Reach::only(users::collections(tx, row.id).await?)
    };
    Ok(User { row, reach })
}

/// As many collections can be named at once.
const MOST_NAMES: usize = 1_000;
/// As many are told of in the audit trail, of each kind.
const MOST_TOLD: usize = 20;

/// The collections that names mean. Every name that means none is told; without names it is all of them.
pub(super) async fn resolve_reach(tx: &mut Tx, actor: &Actor, names: Option<&[String]>) -> Result<Reach> {
    let Some(names) = names else {
        return Ok(Reach::Everything);
    };
    if names.len() > MOST_NAMES {
        let message = format!("must have at most {MOST_NAMES} names");
        return Err(Error::invalid("/collections", message));
    }
    let mut checks = Checks::default();
    let (mut asked, mut slugs, mut ids) = (Vec::with_capacity(names.len()), Vec::new(), Vec::new());
    for (index, name) in names.iter().enumerate() {
        let checked = check_text(&format!("/collections/{index}"), name, Slug::LONGEST);
        if checked.is_ok() {
            match NameOrId::parse(name) {
                NameOrId::Id(id) => ids.push(id),
                NameOrId::Name(slug) => slugs.push(slug),
            }
        }
        asked.push(checked.map(|()| NameOrId::parse(name)));
    }
    let known = collections::find_all(tx, &slugs, &ids).await?;
    let known = known.into_iter().filter(|collection| actor.reaches(collection.id));
    let by_slug: HashMap<String, CollectionId> = known.map(|one| (one.slug.to_string(), one.id)).collect();
    let by_id: HashSet<CollectionId> = by_slug.values().copied().collect();
    let mut reached = Vec::with_capacity(names.len());
    for (index, name) in asked.into_iter().enumerate() {
        let found = name.and_then(|name| {
            let found = match name {
                NameOrId::Id(id) => by_id.get(&id),
                NameOrId::Name(slug) => by_slug.get(&slug),
            };
            found.ok_or_else(|| Error::invalid(format!("/collections/{index}"), "names no collection"))
        });
        reached.extend(checks.take("", found)?);
    }
    checks.finish()?;
    Ok(Reach::only(reached.into_iter().copied()))
}

/// The slugs of the collections within reach, for showing; `None` for all.
pub(super) async fn slugs(tx: &mut Tx, reach: &Reach) -> Result<Option<Vec<String>>> {
    let Some(ids) = reach.restriction() else {
        return Ok(None);
    };
    slugs_of(tx, &ids).await.map(Some)
}

async fn slugs_of(tx: &mut Tx, ids: &[CollectionId]) -> Result<Vec<String>> {
    // No database takes any number of parameters.
    let mut slugs = Vec::with_capacity(ids.len());
    for some in ids.chunks(MOST_NAMES) {
        let found = collections::find_all(tx, &[], some).await?;
        slugs.extend(found.into_iter().map(|collection| collection.slug.to_string()));
    }
    slugs.sort();
    Ok(slugs)
}

/// What somebody reaches, or reaches now that did not before, for the audit trail.
pub(super) async fn told(tx: &mut Tx, before: Option<&Reach>, after: &Reach) -> Result<String> {
    let ids = |reach: Option<&Reach>| reach.and_then(Reach::restriction).unwrap_or_default();
    let (old, new) = (ids(before), ids(Some(after)));
    if before == Some(after) {
        return Ok(match after {
            Reach::Everything => "all collections".to_owned(),
            Reach::Only(_) => format!("{} collections, the same", new.len()),
        });
    }
    let missing_in = |these: &[CollectionId], those: &[CollectionId]| -> Vec<CollectionId> {
        let these: HashSet<&CollectionId> = these.iter().collect();
        those.iter().copied().filter(|id| !these.contains(id)).collect()
    };
    let (added, removed) = (missing_in(&old, &new), missing_in(&new, &old));
    let (added, removed) = (slugs_of(tx, &added).await?, slugs_of(tx, &removed).await?);
    let named = [signed('+', &added), signed('−', &removed)].concat();
    let named = if named.is_empty() {
        "no collections".to_owned()
    } else {
        format!("collections {}", named.join(" "))
    };
    Ok(match (before, after) {
        (None, Reach::Everything) => "all collections".to_owned(),
        (Some(Reach::Everything), _) => format!("all collections → {named}"),
        (Some(Reach::Only(_)), Reach::Everything) => format!("{named} → all collections"),
        _ => named,
    })
}

fn signed(sign: char, slugs: &[String]) -> Vec<String> {
    let told = slugs.iter().take(MOST_TOLD).map(|slug| format!("{sign}{slug}"));
    let more = slugs.len().saturating_sub(MOST_TOLD);
    told.chain((more > 0).then(|| format!("and {more} more"))).collect()
}
