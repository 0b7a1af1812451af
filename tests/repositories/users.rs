//! `repositories::users`.

use crate::{
    databases::on_both,
    fixtures::{api_key, at, collection, email, enrol, session, store, user, write},
};
use std::time::Duration;
use synoptic::{
    domain::{
        Error,
        identifiers::{CollectionId, UserId},
        permissions::Role,
        users::{UserFilter, UserRow, UserState},
    },
    repositories::{api_keys, collections, sessions, users},
};

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let plain = user("Ann");
        let full = UserRow {
            name: "Ümläüt, 漢字 & 'quotes'".into(),
            role: Role::Viewer,
            state: UserState::Disabled,
            password_hash: None,
            all_collections: false,
            last_sign_in_at: Some(at(9)),
            version: 4,
            updated_at: at(8),
            ..user("Bob")
        };
        let mut tx = write(db).await;
        assert!(!users::any(&mut tx).await.unwrap());
        for user in [&plain, &full] {
            assert!(users::insert(&mut tx, user).await.unwrap());
            assert_eq!(users::find(&mut tx, user.id).await.unwrap().as_ref(), Some(user));
            let found = users::find_by_email(&mut tx, &user.email).await.unwrap();
            assert_eq!(found.as_ref(), Some(user));
        }
        assert!(users::any(&mut tx).await.unwrap());
        assert_eq!(users::find(&mut tx, UserId::generate()).await.unwrap(), None);
        let unknown = users::find_by_email(&mut tx, &email("no@example.org")).await.unwrap();
        assert_eq!(unknown, None);
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_is_told_and_the_transaction_goes_on() {
    on_both(async |db| {
        let (first, second, other) = (user("Ann"), user("Ann"), user("Bob"));
        let mut tx = write(db).await;
        assert!(users::insert(&mut tx, &first).await.unwrap());
        assert!(!users::insert(&mut tx, &second).await.unwrap());
        assert!(users::insert(&mut tx, &other).await.unwrap());
        assert!(!users::email_taken_by_another(&mut tx, &first).await.unwrap());
        assert!(users::email_taken_by_another(&mut tx, &second).await.unwrap());
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_the_next_version_is_stored() {
    on_both(async |db| {
        let before = user("Ann");
        enrol(db, &[&before]).await;
        let after = UserRow {
            email: email("anna@example.org"),
            name: "Anna".into(),
            role: Role::Editor,
            state: UserState::Disabled,
            password_hash: None,
            all_collections: false,
            version: 2,
            updated_at: at(5),
            ..before.clone()
        };
        let mut tx = write(db).await;
        assert!(users::update(&mut tx, &after).await.unwrap());
        assert!(!users::update(&mut tx, &after).await.unwrap());
        assert_eq!(users::find(&mut tx, before.id).await.unwrap().as_ref(), Some(&after));
        let gone = users::find_by_email(&mut tx, &before.email).await.unwrap();
        assert_eq!(gone, None);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_is_noted_and_a_password_hashed_anew_unless_it_was_changed() {
    on_both(async |db| {
        let ann = user("Ann");
        enrol(db, &[&ann]).await;
        let mut tx = write(db).await;
        users::signed_in(&mut tx, ann.id, at(7)).await.unwrap();
        users::rehashed(&mut tx, ann.id, "$another$", "$lost$").await.unwrap();
        users::rehashed(&mut tx, ann.id, "$argon2id$", "$stronger$")
            .await
            .unwrap();
        let expected = UserRow {
            last_sign_in_at: Some(at(7)),
            password_hash: Some("$stronger$".into()),
            ..ann.clone()
        };
        assert_eq!(users::find(&mut tx, ann.id).await.unwrap(), Some(expected));
    })
    .await;
}

#[tokio::test]
async fn every_filter_and_the_position_narrow_the_list() {
    on_both(async |db| {
        let notes = collection("notes");
        store(db, &notes, &[]).await;
        let of = |name: &str, role, state| UserRow {
            role,
            state,
            all_collections: role == Role::Admin,
            ..user(name)
        };
        let all = [
            of("Ann", Role::Admin, UserState::Active),
            of("Bob_1", Role::Editor, UserState::Active),
            of("Bobx1", Role::Editor, UserState::Disabled),
            UserRow {
                name: "50% off \\ ÖZIL Çelik".into(),
                ..of("Dora", Role::Viewer, UserState::Active)
            },
        ];
        let stored: Vec<&UserRow> = all.iter().collect();
        enrol(db, &stored).await;
        let mut tx = write(db).await;
        users::set_collections(&mut tx, all[2].id, &[notes.id]).await.unwrap();
        let search = |text: &str| UserFilter {
            search: Some(text.to_owned()),
            ..UserFilter::default()
        };
        let cases = [
            (UserFilter::default(), vec![0, 1, 2, 3]),
            (search("ANN"), vec![0]),
            (search("@Example."), vec![0, 1, 2, 3]),
            (search("b_1"), vec![1]),
            (search("%"), vec![3]),
            (search("50% OFF \\"), vec![3]),
            (search("\\"), vec![3]),
            (search("özil"), vec![3]),
            (search("ÖZIL"), vec![3]),
            (search("Çelik"), vec![3]),
            (search("__"), vec![]),
            (
                UserFilter {
                    role: Some(Role::Editor),
                    ..UserFilter::default()
                },
                vec![1, 2],
            ),
            (
                UserFilter {
                    state: Some(UserState::Disabled),
                    ..UserFilter::default()
                },
                vec![2],
            ),
            (
                UserFilter {
                    collection_id: Some(notes.id),
                    ..UserFilter::default()
                },
                vec![0, 2],
            ),
            (
                UserFilter {
                    collection_id: Some(CollectionId::generate()),
                    ..UserFilter::default()
                },
                vec![0],
            ),
            (
                UserFilter {
                    role: Some(Role::Editor),
                    state: Some(UserState::Active),
                    ..search("bob")
                },
                vec![1],
            ),
        ];
        for (filter, expected) in cases {
            let expected: Vec<_> = expected.into_iter().map(|place: usize| all[place].clone()).collect();
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = users::list(&mut tx, &filter, after, 2).await.unwrap();
                assert!(page.len() <= 2);
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                seen.extend(page);
            }
            assert_eq!(seen, expected, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_changed_name_and_address_are_what_a_search_finds() {
    on_both(async |db| {
        let before = user("Ann");
        enrol(db, &[&before]).await;
        let after = UserRow {
            email: email("oezil@example.org"),
            name: "ÖZIL".into(),
            version: 2,
            ..before
        };
        let mut tx = write(db).await;
        assert!(users::update(&mut tx, &after).await.unwrap());
        for (text, count) in [("ann", 0), ("özil", 1), ("OEZIL", 1)] {
            let filter = UserFilter {
                search: Some(text.to_owned()),
                ..UserFilter::default()
            };
            let found = users::list(&mut tx, &filter, None, 10).await.unwrap();
            assert_eq!(found.len(), count, "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn only_others_who_can_act_as_admins_are_counted() {
    on_both(async |db| {
        let ann = user("Ann");
        let disabled = UserRow {
            state: UserState::Disabled,
            ..user("Bob")
        };
        let editor = UserRow {
            role: Role::Editor,
            ..user("Cem")
        };
        let ghost = UserRow {
            password_hash: None,
            ..user("Ghost")
        };
        let other = user("Dora");
        enrol(db, &[&ann, &disabled, &editor, &ghost, &other]).await;
        let mut tx = write(db).await;
        assert_eq!(users::count_other_admins(&mut tx, ann.id).await.unwrap(), 1);
        assert_eq!(users::count_other_admins(&mut tx, editor.id).await.unwrap(), 2);
        users::delete(&mut tx, other.id).await.unwrap();
        assert_eq!(users::count_other_admins(&mut tx, ann.id).await.unwrap(), 0);
        assert_eq!(users::count_other_admins(&mut tx, ghost.id).await.unwrap(), 1);
        // Whoever is known elsewhere signs in without a password.
        let known = users::add_identity(&mut tx, "https://login.example.org", "1", ghost.id, at(0)).await;
        assert!(known.unwrap());
        assert_eq!(users::count_other_admins(&mut tx, ann.id).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_the_last_two_admins_who_step_down_at_once_one_stays() {
    on_both(async |db| {
        let (ann, bob) = (user("Ann"), user("Bob"));
        enrol(db, &[&ann, &bob]).await;
        let step_down = async |admin: &UserRow| {
            let mut tx = write(db).await;
            if users::count_other_admins(&mut tx, admin.id).await.unwrap() == 0 {
                return false;
            }
            // Long enough for the other to have looked too, if nothing holds them up.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let editor = UserRow {
                role: Role::Editor,
                version: admin.version + 1,
                ..admin.clone()
            };
            assert!(users::update(&mut tx, &editor).await.unwrap());
            tx.commit().await.unwrap();
            true
        };
        let (one, other) = tokio::join!(step_down(&ann), step_down(&bob));
        assert!(one != other, "exactly one may step down: {one} and {other}");
        let filter = UserFilter {
            role: Some(Role::Admin),
            ..UserFilter::default()
        };
        let left = users::list(&mut write(db).await, &filter, None, 10).await.unwrap();
        assert_eq!(left, [if one { bob } else { ann }]);
    })
    .await;
}

#[tokio::test]
async fn an_identity_is_one_persons() {
    on_both(async |db| {
        let (ann, bob) = (user("Ann"), user("Bob"));
        enrol(db, &[&ann, &bob]).await;
        let mut tx = write(db).await;
        let issuer = "https://login.example.org";
        for (subject, user, free) in [
            ("1", &ann, true),
            ("1", &bob, false),
            ("2", &bob, true),
            ("3", &bob, true),
        ] {
            let added = users::add_identity(&mut tx, issuer, subject, user.id, at(0)).await;
            assert_eq!(added.unwrap(), free, "{subject}");
        }
        for (issuer, subject, expected) in [
            (issuer, "1", Some(&ann)),
            (issuer, "2", Some(&bob)),
            (issuer, "4", None),
            ("https://other.example.org", "1", None),
        ] {
            let found = users::find_by_identity(&mut tx, issuer, subject).await.unwrap();
            assert_eq!(found.as_ref(), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn the_collections_of_a_user_are_replaced_and_go_with_them() {
    on_both(async |db| {
        let (notes, memos, ann) = (collection("notes"), collection("memos"), user("Ann"));
        for collection in [&notes, &memos] {
            store(db, collection, &[]).await;
        }
        enrol(db, &[&ann]).await;
        let mut tx = write(db).await;
        for collections in [
            vec![memos.id, notes.id],
            vec![notes.id],
            vec![],
            vec![notes.id, memos.id],
        ] {
            users::set_collections(&mut tx, ann.id, &collections).await.unwrap();
            let mut expected = collections;
            expected.sort();
            assert_eq!(users::collections(&mut tx, ann.id).await.unwrap(), expected);
        }
        collections::delete(&mut tx, notes.id).await.unwrap();
        assert_eq!(users::collections(&mut tx, ann.id).await.unwrap(), [memos.id]);
        let missing = users::set_collections(&mut tx, ann.id, &[CollectionId::generate()]).await;
        assert!(matches!(missing, Err(Error::Conflict(_))), "{missing:?}");
    })
    .await;
}

#[tokio::test]
async fn what_hangs_on_a_user_goes_with_them_and_their_keys_are_nobodys() {
    on_both(async |db| {
        let (notes, ann, bob) = (collection("notes"), user("Ann"), user("Bob"));
        store(db, &notes, &[]).await;
        enrol(db, &[&ann, &bob]).await;
        let mut tx = write(db).await;
        let mut kept = Vec::new();
        for (user, byte) in [(&ann, 1), (&bob, 2)] {
            let (session, (key, hash)) = (session(user), api_key("job", Some(user.id)));
            sessions::insert(&mut tx, &session).await.unwrap();
            sessions::insert_refresh_token(&mut tx, &[byte; 32], session.id, at(0), at(60))
                .await
                .unwrap();
            assert!(
                users::add_identity(&mut tx, "issuer", &user.name, user.id, at(0))
                    .await
                    .unwrap()
            );
            users::set_collections(&mut tx, user.id, &[notes.id]).await.unwrap();
            api_keys::insert(&mut tx, &key, &hash).await.unwrap();
            kept.push((session.id, key.id));
        }
        users::delete(&mut tx, ann.id).await.unwrap();
        for (user, (session, key), byte, left) in [(&ann, kept[0], 1, false), (&bob, kept[1], 2, true)] {
            assert_eq!(users::find(&mut tx, user.id).await.unwrap().is_some(), left);
            assert_eq!(sessions::find(&mut tx, session).await.unwrap().is_some(), left);
            let token = sessions::find_refresh_token(&mut tx, &[byte; 32]).await.unwrap();
            assert_eq!(token.is_some(), left);
            let identity = users::find_by_identity(&mut tx, "issuer", &user.name).await.unwrap();
            assert_eq!(identity.is_some(), left);
            let collections = users::collections(&mut tx, user.id).await.unwrap();
            assert_eq!(collections.is_empty(), !left);
            let key = api_keys::find(&mut tx, key).await.unwrap().unwrap();
            assert_eq!(key.owner_id, left.then_some(user.id));
        }
    })
    .await;
}
