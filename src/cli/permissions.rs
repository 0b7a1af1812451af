//! `synoptic permissions`: who may do what, in Markdown, made from the table that the server decides by and from the OpenAPI
//! document. `docs/permissions.md` is what it prints.

use crate::{
    app::openapi_document,
    domain::permissions::{Access, OPERATIONS, Role, Scope, Scopes},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{collections::HashMap, fmt::Write as _, io::Write, process::ExitCode};

pub fn run() -> Result<ExitCode> {
    let document = super::on_runtime(document())?;
    write!(std::io::stdout().lock(), "{document}")?;
    Ok(ExitCode::SUCCESS)
}

/// The whole page.
///
/// # Errors
/// When an operation of the table is not in the OpenAPI document.
pub async fn document() -> Result<String> {
    let openapi = serde_json::from_str(&openapi_document().await?)?;
    let mut page = INTRODUCTION.to_owned();
    write_scopes(&mut page)?;
    page.push_str(BETWEEN);
    write_operations(&mut page, &openapi)?;
    page.push_str(NOTES);
    Ok(page)
}

const INTRODUCTION: &str = "\
# Permissions

<!-- Made from the source by `make permissions`; change `src/domain/permissions.rs` or `src/cli/permissions.rs` instead. -->

The server decides by the tables on this page: they are printed from the source that it runs (`synoptic permissions`). What
is not in them is allowed to nobody.

- A **user** has a role: `viewer`, `editor` or `admin`. The role says which scopes they have.
- An **API key** has scopes of its own. Whatever they are, a key does no more than its owner may at the moment of the
  request; one that was made at the command line has no owner.
- Both may be kept to some **collections**. What lies in others does not exist for them: a request for it is answered 404.
- Whoever lacks a scope is answered 403, whoever is not recognised 401. How people sign in and how keys are made is in
  [sign-in.md](sign-in.md).

## Scopes

A key has those with *yes* in the last column unless it is told otherwise.

";

const BETWEEN: &str = "
Nobody gives away what they do not have: a key gets no scope and no collection that its maker has not, and whoever manages
users makes and changes nobody who may do more than they.

## Operations

*All collections*: only for those who are not kept to some collections. *People*: only for people who are signed in, not for
API keys. A role does an operation that its column says *yes* to; a key does, if it has the scope.

";

const NOTES: &str = "
The pages `/`, `/docs`, `/openapi.json`, `/metrics` and `/problems/…` and those of the sign-in are open to everybody.

## Collections

Who is kept to some collections (`collections` of a user or a key)

- finds only those, and what lies in them, in lists, searches, counts and by address; everything else is 404, in the words
  for what does not exist;
- changes and deletes what is there with the scopes that they have, but does not create a collection or change a slug,
  because a slug that is taken would tell of another collection; that is answered 403;
- reads all taxonomies and classifies by them, but does not change them, because all collections share them;
- does not see users or the audit trail.

An admin cannot be kept to collections; an API key of an admin can. A key reaches what both its own list and its owner's
have, at the moment of the request. When a collection is deleted, it falls out of the lists; whoever is left with an empty
list reaches nothing.

## Analyses

- An analysis of a stored document is there for those who reach the document's collection.
- An analysis of a text that was sent along belongs to no collection. Who is not restricted sees all of these. Others see
  those that they asked for themselves; a user also those that their API keys asked for.
- Analysing a stored document needs `documents:read` besides `analyses:run`, because the answer tells of the text.
- Classifying by a stored taxonomy does not need `taxonomies:read`; the answer has the labels' ids. `analyses:read` shows
  recorded summaries, which are sentences of the documents. `documents:read` filters by label.
";

fn write_scopes(page: &mut String) -> Result<()> {
    page.push_str("| scope | allows | viewer | editor | admin | a new key |\n|---|---|---|---|---|---|\n");
    for scope in Scope::ALL {
        write!(page, "| `{scope}` | {} |", scope.explanation())?;
        let in_new_key = Scopes::DATA.contains(scope);
        for has in Role::ALL
            .map(|role| role.scopes().contains(scope))
            .into_iter()
            .chain([in_new_key])
        {
            write_cell(page, yes(has))?;
        }
        page.push('\n');
    }
    Ok(())
}

fn write_operations(page: &mut String, openapi: &Value) -> Result<()> {
    let addresses = addresses(openapi);
    page.push_str("| operation | address | needs | viewer | editor | admin | all collections | people |\n");
    page.push_str("|---|---|---|---|---|---|---|---|\n");
    for (id, access) in OPERATIONS {
        let address = addresses
            .get(id)
            .with_context(|| format!("`{id}` is in the table of permissions and not in the OpenAPI document"))?;
        write!(page, "| `{id}` | `{address}` |")?;
        write_cell(page, &needs(*access))?;
        for role in Role::ALL {
            let may = access.scope().is_none_or(|scope| role.scopes().contains(scope));
            write_cell(page, yes(may))?;
        }
        write_cell(page, yes(matches!(access, Access::ScopeEverywhere(_))))?;
        write_cell(page, yes(*access == Access::Person))?;
        page.push('\n');
    }
    Ok(())
}

/// Method and path of every operation, by its id.
fn addresses(openapi: &Value) -> HashMap<&str, String> {
    let paths = openapi["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.filter_map(move |(method, operation)| {
            let id = operation["operationId"].as_str()?;
            Some((id, format!("{} {path}", method.to_uppercase())))
        })
    });
    operations.collect()
}

fn needs(access: Access) -> String {
    match access {
        Access::Public => "nothing".to_owned(),
        Access::SignedIn => "to be recognised".to_owned(),
        Access::Person => "to be signed in".to_owned(),
        Access::Scope(scope) | Access::ScopeEverywhere(scope) => format!("`{scope}`"),
    }
}

fn write_cell(page: &mut String, text: &str) -> std::fmt::Result {
    if text.is_empty() {
        page.write_str(" |")
    } else {
        write!(page, " {text} |")
    }
}

fn yes(whether: bool) -> &'static str {
    if whether { "yes" } else { "" }
}
