//! Every operation of the OpenAPI document, as everybody: whether they are let in is exactly what the table of permissions
//! says, and the document says the same.

use crate::{
    examples::order,
    support::{
        Answer, TestApp, send,
        spec::{Operation, Spec},
    },
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use synoptic::{
    domain::{
        permissions::{Access, OPERATIONS, Role, Scope, Scopes},
        principal::Reach,
    },
    services::demo,
};

#[tokio::test]
async fn the_table_and_the_document_have_the_same_operations() {
    let spec = Spec::load().await;
    let documented: Vec<&str> = spec.operations().iter().map(Operation::id).collect();
    let listed: Vec<&str> = OPERATIONS.iter().map(|(id, _)| *id).collect();
    let set = |ids: &[&'static str]| ids.iter().copied().collect::<BTreeSet<_>>();
    let documented_set: BTreeSet<&str> = documented.iter().copied().collect();
    assert_eq!(set(&listed), documented_set);
    assert_eq!(
        (listed.len(), documented.len()),
        (documented_set.len(), documented_set.len()),
        "one comes twice"
    );
}

#[tokio::test]
async fn the_document_says_which_operations_need_a_credential() {
    let spec = Spec::load().await;
    for operation in spec.operations() {
        let expected: &[&str] = match operation.access() {
            Access::Public => &[],
            _ => &["Bearer", "SignIn"],
        };
        assert_eq!(operation.security(), expected, "{}", operation.id());
        let promised = operation.answer_schema(401).is_some() && operation.answer_schema(403).is_some();
        assert!(
            promised || operation.is_public(),
            "{} keeps silent about 401 and 403",
            operation.id()
        );
    }
}

#[tokio::test]
async fn without_a_credential_only_what_is_public_answers() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    let mut public = BTreeSet::new();
    for operation in sorted(&spec) {
        let request = app.anonymous(&operation.method, operation.example_address());
        let answer = with_example(&operation, request).await;
        if operation.access() == Access::Public {
            assert_eq!(answer.status, 200, "{}: {}", operation.id(), answer.text);
            public.insert(operation.id());
        } else {
            answer.problem(401, "unauthorized");
        }
    }
    assert_eq!(
        public,
        BTreeSet::from(["jwks", "livez", "login", "push", "readyz", "refresh", "token"])
    );
}

#[tokio::test]
async fn each_role_is_let_in_exactly_where_its_scopes_say() {
    let spec = Spec::load().await;
    for role in Role::ALL {
        // The examples work once.
        let app = TestApp::demo().await;
        let email = format!("{role}@walk.example");
        app.user(&email, role, Reach::Everything).await;
        let (mut allowed, mut refused) = (0, 0);
        for operation in sorted(&spec) {
            let token = app.tokens(&email).await.access;
            let address = operation.example_address();
            let answer = with_example(&operation, app.with_token(&token, &operation.method, &address)).await;
            let may = operation
                .access()
                .scope()
                .is_none_or(|scope| role.scopes().contains(scope));
            if may {
                assert_let_in(&operation, &answer);
                allowed += 1;
            } else {
                assert_lacks_scope(&operation, &answer);
                refused += 1;
            }
            if operation.method == "GET" {
                let head = send(app.with_token(&token, "HEAD", &address)).await;
                assert_eq!(head.status, answer.status, "HEAD of {}", operation.id());
            }
        }
        assert_eq!(allowed + refused, OPERATIONS.len());
        let few = match role {
            Role::Viewer => refused > 20,
            Role::Editor => (5..16).contains(&refused),
            Role::Admin => refused == 0,
        };
        assert!(few, "{role}: {allowed} allowed, {refused} refused");
    }
}

#[tokio::test]
async fn a_key_with_one_scope_is_let_in_exactly_where_it_is_needed() {
    let app = TestApp::demo().await;
    let spec = Spec::load().await;
    let mut needed = Scopes::NONE;
    for scope in Scope::ALL {
        let (_, key) = app.key_with(Scopes::of(&[scope]), Reach::Everything).await;
        for operation in sorted(&spec) {
            let answer = without_body(&app, &key, &operation).await;
            match operation.access() {
                Access::Public | Access::SignedIn => assert_let_in(&operation, &answer),
                Access::Person => assert_is_for_people(&answer),
                Access::Scope(one) | Access::ScopeEverywhere(one) if one == scope => {
                    assert_let_in(&operation, &answer);
                    needed = needed.union(Scopes::of(&[scope]));
                }
                Access::Scope(_) | Access::ScopeEverywhere(_) => assert_lacks_scope(&operation, &answer),
            }
        }
    }
    assert_eq!(needed, Scopes::ALL, "a scope that nothing needs");
}

#[tokio::test]
async fn every_other_scope_together_does_not_open_an_operation() {
    let app = TestApp::demo().await;
    for operation in sorted(&Spec::load().await) {
        let Some(scope) = operation.access().scope() else {
            continue;
        };
        let others = Scopes::ALL.without(Scopes::of(&[scope]));
        let (_, key) = app.key_with(others, Reach::Everything).await;
        let request = app.with_token(&key, &operation.method, operation.example_address());
        assert_lacks_scope(&operation, &with_example(&operation, request).await);
    }
}

#[tokio::test]
async fn a_key_without_scopes_only_learns_who_it_is() {
    let app = TestApp::demo().await;
    let (_, key) = app.key_with(Scopes::NONE, Reach::Everything).await;
    for operation in sorted(&Spec::load().await) {
        let answer = without_body(&app, &key, &operation).await;
        match operation.access() {
            Access::Public => assert_let_in(&operation, &answer),
            Access::SignedIn => assert_eq!(answer.ok().body["scopes"], json!([])),
            Access::Person => assert_is_for_people(&answer),
            _ => assert_lacks_scope(&operation, &answer),
        }
    }
}

/// All scopes, and another collection than that of the examples.
#[tokio::test]
async fn whoever_is_restricted_finds_nothing_of_other_collections() {
    let app = TestApp::demo().await;
    let made = app.post("/api/collections", json!({"name": "Elsewhere"})).await;
    let elsewhere = made.created().body["id"].as_str().unwrap().parse().unwrap();
    let reach = Reach::only([elsewhere]);
    let (_, key) = app.key_with(Scopes::ALL, reach.clone()).await;
    app.user("editor@walk.example", Role::Editor, reach).await;
    let person = app.tokens("editor@walk.example").await.access;
    let tickets = app.get(format!("/api/collections/{}", demo::COLLECTION)).await;
    let tickets = tickets.ok().body["id"].as_str().unwrap().to_owned();
    for (token, scopes) in [(key, Scopes::ALL), (person, Role::Editor.scopes())] {
        for operation in sorted(&Spec::load().await) {
            if operation.is_public() || matches!(operation.id(), "logout" | "logoutAll") {
                continue;
            }
            let request = app.with_token(&token, &operation.method, operation.example_address());
            let answer = with_example(&operation, request).await;
            let (id, path) = (operation.id(), operation.path);
            match operation.access() {
                Access::Person if scopes == Scopes::ALL => assert_is_for_people(&answer),
                Access::Scope(scope) | Access::ScopeEverywhere(scope) if !scopes.contains(scope) => {
                    assert_lacks_scope(&operation, &answer);
                }
                Access::ScopeEverywhere(_) => {
                    let problem = answer.problem(403, "forbidden");
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(detail.contains("concerns all collections"), "{id}: {detail}");
                }
                _ if [
                    "{collection}",
                    "{analysis}",
                    "{export}",
                    "{import}",
                    "{job}",
                    "{key}",
                    "{session}",
                    "{work}",
                    "{erasure}",
                ]
                .iter()
                .any(|part| path.contains(part)) =>
                {
                    answer.problem(404, "not-found");
                }
                // These name the collection in the body.
                _ if matches!(id, "createJob" | "previewJob" | "createErasure") => {
                    drop(answer.problem(404, "not-found").clone());
                }
                _ if id == "createKey" => drop(answer.invalid_at(&["/collections/0"]).clone()),
                _ if id == "changePassword" => drop(answer.invalid_at(&["/current_password"]).clone()),
                _ => {
                    assert_eq!(answer.status, 200, "{id}: {}", answer.text);
                    let tells = answer.text.contains(&tickets) || answer.text.contains(demo::COLLECTION);
                    assert!(!tells, "{id} tells of the collection: {}", answer.text);
                }
            }
        }
    }
    app.get(format!(
        "/api/collections/{}/documents/{}",
        demo::COLLECTION,
        demo::SPARE_TICKET
    ))
    .await
    .ok();
}

/// In an order in which each example still works.
fn sorted(spec: &Spec) -> Vec<Operation<'_>> {
    let mut operations = spec.operations();
    operations.sort_by_key(order);
    operations
}

async fn with_example(operation: &Operation<'_>, mut request: crate::support::Request<'_>) -> Answer {
    for (name, example) in operation.example_headers() {
        request = request.header(name, example);
    }
    if operation.body_schema().is_none()
        && let Some((media, text)) = operation.example_text()
    {
        return send(request.content_type(media).body(text.to_owned())).await;
    }
    if operation.body_schema().is_none()
        && let Some(form) = operation.example_form()
    {
        return send(request.form(&form)).await;
    }
    match operation.example_body() {
        Some(body) => send(request.body_json(&body)).await,
        None => send(request).await,
    }
}

/// Without what would be done: whoever is let in is told that the body is not one.
async fn without_body(app: &TestApp, key: &str, operation: &Operation<'_>) -> Answer {
    let request = app.with_token(key, &operation.method, operation.example_address());
    if operation.example_body().is_some() {
        send(request.body_json(&Value::Null)).await
    } else {
        send(request).await
    }
}

/// The words of whoever keeps the door, not of somebody behind it.
fn is_turned_away(answer: &Answer) -> bool {
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    answer.status == 401 || (answer.status == 403 && detail.starts_with("this operation "))
}

#[track_caller]
fn assert_let_in(operation: &Operation<'_>, answer: &Answer) {
    let fine = !is_turned_away(answer) && answer.status < 500;
    assert!(fine, "{}: {} {}", operation.id(), answer.status, answer.text);
}

#[track_caller]
fn assert_lacks_scope(operation: &Operation<'_>, answer: &Answer) {
    let problem = answer.problem(403, "forbidden");
    let scope = operation.access().scope().unwrap();
    let detail = problem["detail"].as_str().unwrap();
    let expected = format!("this operation needs the scope `{scope}`, which ");
    assert!(detail.starts_with(&expected), "{}: {detail}", operation.id());
}

#[track_caller]
fn assert_is_for_people(answer: &Answer) {
    let problem = answer.problem(403, "forbidden");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("this operation is for people"), "{detail}");
}
