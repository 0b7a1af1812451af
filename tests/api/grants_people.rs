//! The steps that make people and keys, change what they may, and end them.

use crate::{
    grants_model::{Key, Session, User, Who},
    grants_view::ask,
    grants_world::{PRINCIPALS, WAIT, World, choose, id_of, named_scopes},
    support::{
        access::{PASSWORD, Tokens},
        send,
    },
};
use serde_json::{Value, json};
use synoptic::domain::permissions::{Role, Scopes};

impl World {
    pub async fn make_user(&mut self, role: Role, reach: Option<u8>) {
        if self.users().len() >= PRINCIPALS / 2 {
            return;
        }
        self.made += 1;
        let (names, reach) = self.named(reach.filter(|_| role != Role::Admin));
        let email = format!("user-{}@example.org", self.made);
        let body = json!({"email": email, "role": role.name(), "password": PASSWORD, "collections": names});
        let made = self.app.post("/api/users", body).await;
        let id = id_of(made.created());
        self.model.users.push(User {
            id,
            email,
            role,
            reach,
            is_active: true,
            is_there: true,
        });
        self.sign_in(self.model.users.len() - 1).await;
    }

    pub async fn sign_in(&mut self, index: usize) {
        let user = &self.model.users[index];
        let answer = self.app.log_in(&user.email, PASSWORD).await;
        if !user.is_active {
            answer.problem(401, "unauthorized");
            return;
        }
        let token = Tokens::of(answer.ok()).access;
        self.model.sessions.push(Session {
            user: index,
            token,
            is_over: false,
        });
    }

    pub async fn sign_out(&mut self, number: u8) {
        let live: Vec<usize> = (0..self.model.sessions.len())
            .filter(|index| self.model.rights(Who::Session(*index)).is_some())
            .collect();
        if let Some(index) = choose(number, &live) {
            ask(
                &self.app,
                &self.model,
                Who::Session(index),
                "POST",
                "/api/auth/logout",
                None,
            )
            .await
            .gone();
            self.model.sessions[index].is_over = true;
        }
    }

    pub async fn change_user(&mut self, number: u8, change: Value) -> Option<&mut User> {
        let index = choose(number, &self.users())?;
        let user = &mut self.model.users[index];
        self.app.patch(format!("/api/users/{}", user.id), change).await.ok();
        Some(user)
    }

    pub async fn change_reach(&mut self, number: u8, reach: Option<u8>) {
        let (names, reach) = self.named(reach);
        let chosen = choose(number, &self.users());
        let is_admin = chosen.is_some_and(|index| self.model.users[index].role == Role::Admin);
        if is_admin && reach.is_some() {
            return;
        }
        if let Some(user) = self.change_user(number, json!({"collections": names})).await {
            user.reach = reach;
        }
    }

    pub async fn switch(&mut self, number: u8) {
        let Some(index) = choose(number, &self.users()) else {
            return;
        };
        let is_active = !self.model.users[index].is_active;
        let state = if is_active { "active" } else { "disabled" };
        if let Some(user) = self.change_user(number, json!({"state": state})).await {
            user.is_active = is_active;
        }
        if !is_active {
            self.model.end_sessions(index);
        }
    }

    pub async fn make_key(&mut self, owner: Option<u8>, scopes: u32, reach: Option<u8>) {
        if self.keys().len() >= PRINCIPALS / 2 {
            return;
        }
        let live: Vec<usize> = (0..self.model.sessions.len())
            .filter(|index| self.model.rights(Who::Session(*index)).is_some())
            .collect();
        let owner = owner.and_then(|number| choose(number, &live));
        let rights = owner.and_then(|session| self.model.rights(Who::Session(session)));
        let most = rights.as_ref().map_or(Scopes::ALL, |rights| rights.scopes);
        let (scope_names, scopes) = named_scopes(scopes, most);
        let (names, reach) = self.named(reach);
        let body = json!({"name": "k", "scopes": scope_names, "collections": names});
        let answer = match owner {
            None => self.app.post("/api/keys", body).await,
            Some(session) => {
                ask(
                    &self.app,
                    &self.model,
                    Who::Session(session),
                    "POST",
                    "/api/keys",
                    Some(body),
                )
                .await
            }
        };
        let given = reach
            .iter()
            .flatten()
            .all(|index| rights.as_ref().is_none_or(|rights| self.model.reaches(rights, *index)));
        if !given {
            answer.problem(422, "invalid");
            return;
        }
        let made = &answer.created().body;
        self.model.keys.push(Key {
            id: made["key"]["id"].as_str().unwrap().to_owned(),
            secret: made["secret"].as_str().unwrap().to_owned(),
            previous: None,
            owner: rights.and_then(|rights| rights.user),
            scopes,
            reach,
            is_revoked: false,
        });
    }

    pub async fn change_key(&mut self, number: u8, change: Value) -> Option<&mut Key> {
        let index = choose(number, &self.keys())?;
        let key = &mut self.model.keys[index];
        self.app.patch(format!("/api/keys/{}", key.id), change).await.ok();
        Some(key)
    }

    pub async fn rotate(&mut self, number: u8, with_overlap: bool) {
        let Some(index) = choose(number, &self.keys()) else {
            return;
        };
        let seconds = if with_overlap { WAIT.as_secs() } else { 0 };
        let key = &mut self.model.keys[index];
        let address = format!("/api/keys/{}/rotate", key.id);
        let rotated = self.app.post(address, json!({"overlap_seconds": seconds})).await;
        let secret = rotated.ok().body["secret"].as_str().unwrap().to_owned();
        let old = std::mem::replace(&mut key.secret, secret);
        let older = key.previous.take();
        let over = if with_overlap { older } else { Some(old.clone()) };
        key.previous = with_overlap.then_some(old);
        if let Some(over) = over {
            let answer = send(self.app.with_token(&over, "GET", "/api/auth/me")).await;
            answer.problem(401, "unauthorized");
        }
    }
}
