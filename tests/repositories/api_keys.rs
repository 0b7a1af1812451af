//! `repositories::api_keys`.

use crate::{
    databases::on_both,
    fixtures::{api_key, at, collection, enrol, store, user, write},
};
use synoptic::{
    domain::{
        Error,
        api_keys::ApiKeyRow,
        identifiers::{ApiKeyId, CollectionId, UserId},
        permissions::{Scope, Scopes},
    },
    repositories::{
        api_keys::{self, Of},
        collections,
    },
};

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_revoked_once() {
    on_both(async |db| {
        let ((first, hash), (second, other)) = (api_key("one", None), api_key("two", None));
        let mut tx = write(db).await;
        assert!(!api_keys::any_live(&mut tx).await.unwrap());
        api_keys::insert(&mut tx, &first, &hash).await.unwrap();
        api_keys::insert(&mut tx, &second, &other).await.unwrap();
        let found = api_keys::find_by_hash(&mut tx, &hash, at(0)).await.unwrap();
        assert_eq!(found, Some(first.clone()));
        assert_eq!(
            api_keys::find_by_hash(&mut tx, &[0; 32], at(0)).await.unwrap(),
            None,
            "no rotation: no secret before it"
        );
        assert_eq!(
            api_keys::find(&mut tx, second.id).await.unwrap().as_ref(),
            Some(&second)
        );
        assert_eq!(api_keys::find(&mut tx, ApiKeyId::generate()).await.unwrap(), None);
        assert!(api_keys::revoke(&mut tx, first.id, at(5)).await.unwrap());
        assert!(!api_keys::revoke(&mut tx, first.id, at(6)).await.unwrap());
        let revoked = ApiKeyRow {
            revoked_at: Some(at(5)),
            version: 2,
            ..first
        };
        let found = api_keys::find_by_hash(&mut tx, &hash, at(9)).await.unwrap();
        assert_eq!(found, Some(revoked));
        assert!(api_keys::any_live(&mut tx).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_row_comes_back_as_it_went() {
    on_both(async |db| {
        let owner = user("Ann");
        enrol(db, &[&owner]).await;
        let (plain, hash) = api_key("ünï & 'quotes'", Some(owner.id));
        let full = ApiKeyRow {
            scope_names: Scopes::of(&[Scope::DocumentsRead, Scope::AuditRead]).to_string(),
            all_collections: false,
            expires_at: Some(at(90)),
            version: 7,
            created_at: at(3),
            ..plain
        };
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &full, &hash).await.unwrap();
        assert_eq!(api_keys::find(&mut tx, full.id).await.unwrap(), Some(full));
    })
    .await;
}

#[tokio::test]
async fn a_hash_is_stored_once() {
    on_both(async |db| {
        let ((first, hash), (second, _)) = (api_key("one", None), api_key("two", None));
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &first, &hash).await.unwrap();
        let error = api_keys::insert(&mut tx, &second, &hash).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_rotated_secret_works_until_its_end_and_the_one_before_it_no_more() {
    on_both(async |db| {
        let (key, oldest) = api_key("job", None);
        let ((_, old), (_, new)) = (api_key("", None), api_key("", None));
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &key, &oldest).await.unwrap();
        assert!(
            api_keys::rotate(&mut tx, &key, &old, "syn_second", at(10))
                .await
                .unwrap()
        );
        assert!(
            !api_keys::rotate(&mut tx, &key, &new, "syn_third", at(10))
                .await
                .unwrap(),
            "the version is another by now"
        );
        let rotated = ApiKeyRow {
            prefix: "syn_second".into(),
            previous_until: Some(at(10)),
            version: 2,
            ..key.clone()
        };
        for (hash, now, found) in [
            (&old, 0, true),
            (&old, 99, true),
            (&oldest, 0, true),
            (&oldest, 9, true),
            (&oldest, 10, false),
            (&oldest, 11, false),
            (&new, 0, false),
        ] {
            let row = api_keys::find_by_hash(&mut tx, hash, at(now)).await.unwrap();
            assert_eq!(row, found.then(|| rotated.clone()), "{now}");
        }
        assert!(
            api_keys::rotate(&mut tx, &rotated, &new, "syn_third", at(20))
                .await
                .unwrap()
        );
        for (hash, works) in [(&oldest, false), (&old, true), (&new, true)] {
            let row = api_keys::find_by_hash(&mut tx, hash, at(5)).await.unwrap();
            assert_eq!(row.is_some(), works);
        }
        let rotated = api_keys::find(&mut tx, key.id).await.unwrap().unwrap();
        assert!(api_keys::revoke(&mut tx, key.id, at(6)).await.unwrap());
        let revoked = api_keys::find(&mut tx, key.id).await.unwrap().unwrap();
        for row in [rotated, revoked] {
            assert!(!api_keys::rotate(&mut tx, &row, &oldest, "syn_", at(30)).await.unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_version_that_was_read_is_changed() {
    on_both(async |db| {
        let (key, hash) = api_key("job", None);
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &key, &hash).await.unwrap();
        let changed = ApiKeyRow {
            name: "nightly job".into(),
            scope_names: Scope::DocumentsRead.to_string(),
            all_collections: false,
            expires_at: Some(at(50)),
            ..key.clone()
        };
        assert!(api_keys::update(&mut tx, &changed).await.unwrap());
        assert!(!api_keys::update(&mut tx, &changed).await.unwrap());
        let stored = ApiKeyRow { version: 2, ..changed };
        assert_eq!(api_keys::find(&mut tx, key.id).await.unwrap().as_ref(), Some(&stored));
        let everlasting = ApiKeyRow {
            expires_at: None,
            ..stored.clone()
        };
        assert!(api_keys::update(&mut tx, &everlasting).await.unwrap());
        let found = api_keys::find(&mut tx, key.id).await.unwrap().unwrap();
        assert_eq!((found.expires_at, found.version), (None, 3));
        assert!(api_keys::revoke(&mut tx, key.id, at(6)).await.unwrap());
        let revoked = api_keys::find(&mut tx, key.id).await.unwrap().unwrap();
        assert!(
            !api_keys::update(&mut tx, &revoked).await.unwrap(),
            "a revoked key stays as it was"
        );
    })
    .await;
}

#[tokio::test]
async fn the_last_use_only_moves_forward() {
    on_both(async |db| {
        let (key, hash) = api_key("job", None);
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &key, &hash).await.unwrap();
        for (used, stored) in [(5, 5), (3, 5), (9, 9)] {
            api_keys::used(&mut tx, key.id, at(used)).await.unwrap();
            let found = api_keys::find(&mut tx, key.id).await.unwrap().unwrap();
            assert_eq!((found.last_used_at, found.version), (Some(at(stored)), 1));
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_shows_whose_it_is_told_and_goes_on_after_an_id() {
    on_both(async |db| {
        let (ann, bob) = (user("Ann"), user("Bob"));
        enrol(db, &[&ann, &bob]).await;
        let owners = [None, Some(ann.id), Some(bob.id), Some(ann.id), Some(ann.id)];
        let mut tx = write(db).await;
        let mut keys = Vec::new();
        for (place, owner) in owners.into_iter().enumerate() {
            let (key, hash) = api_key(&place.to_string(), owner);
            api_keys::insert(&mut tx, &key, &hash).await.unwrap();
            keys.push(key);
        }
        assert!(api_keys::revoke(&mut tx, keys[3].id, at(5)).await.unwrap());
        let nobody = Of::Owner(UserId::generate());
        let cases = [
            (Of::Everybody, true, None, vec![0, 1, 2, 3, 4]),
            (Of::Everybody, false, None, vec![0, 1, 2, 4]),
            (Of::Everybody, false, Some(1), vec![2, 4]),
            (Of::Owner(ann.id), true, None, vec![1, 3, 4]),
            (Of::Owner(ann.id), false, None, vec![1, 4]),
            (Of::Owner(ann.id), true, Some(3), vec![4]),
            (nobody, true, None, vec![]),
            (Of::Key(keys[2].id), true, None, vec![2]),
            (Of::Key(keys[2].id), true, Some(2), vec![]),
            (Of::Key(keys[3].id), false, None, vec![]),
        ];
        for (of, with_revoked, after, expected) in cases {
            let after = after.map(|place: usize| keys[place].id);
            for limit in [10, 2] {
                let listed = api_keys::list(&mut tx, of, with_revoked, after, limit).await.unwrap();
                let names: Vec<_> = listed.iter().map(|key| key.name.parse::<usize>().unwrap()).collect();
                let cut = expected.len().min(usize::try_from(limit).unwrap());
                assert_eq!(names, expected[..cut], "{of:?} {with_revoked}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn keys_are_revoked_by_name_when_they_are_nobodys_and_all_of_an_owner() {
    on_both(async |db| {
        let (ann, bob) = (user("Ann"), user("Bob"));
        enrol(db, &[&ann, &bob]).await;
        let owners = [None, None, Some(ann.id), Some(ann.id), Some(bob.id)];
        let mut tx = write(db).await;
        let mut keys = Vec::new();
        for owner in owners {
            let (key, hash) = api_key("job", owner);
            api_keys::insert(&mut tx, &key, &hash).await.unwrap();
            keys.push(key.id);
        }
        assert!(api_keys::revoke(&mut tx, keys[2], at(1)).await.unwrap());
        api_keys::revoke_by_name(&mut tx, "another", at(2)).await.unwrap();
        let live = api_keys::list(&mut tx, Of::Everybody, false, None, 10).await.unwrap();
        assert_eq!(live.len(), 4);
        api_keys::revoke_by_name(&mut tx, "job", at(3)).await.unwrap();
        assert_eq!(api_keys::revoke_of_owner(&mut tx, ann.id, at(4)).await.unwrap(), 1);
        assert_eq!(api_keys::revoke_of_owner(&mut tx, ann.id, at(5)).await.unwrap(), 0);
        let mut revoked = Vec::new();
        for id in keys {
            let key = api_keys::find(&mut tx, id).await.unwrap().unwrap();
            revoked.push((key.revoked_at, key.version));
        }
        let [by_name, before, of_owner] = [3, 1, 4].map(|seconds| (Some(at(seconds)), 2));
        assert_eq!(revoked, [by_name, by_name, before, of_owner, (None, 1)]);
    })
    .await;
}

#[tokio::test]
async fn the_collections_of_a_key_are_replaced_and_go_with_them() {
    on_both(async |db| {
        let (notes, memos) = (collection("notes"), collection("memos"));
        for collection in [&notes, &memos] {
            store(db, collection, &[]).await;
        }
        let ((key, hash), (other, other_hash)) = (api_key("one", None), api_key("two", None));
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &key, &hash).await.unwrap();
        api_keys::insert(&mut tx, &other, &other_hash).await.unwrap();
        api_keys::set_collections(&mut tx, other.id, &[memos.id]).await.unwrap();
        for collections in [
            vec![memos.id, notes.id],
            vec![notes.id],
            vec![],
            vec![notes.id, memos.id],
        ] {
            api_keys::set_collections(&mut tx, key.id, &collections).await.unwrap();
            let mut expected = collections;
            expected.sort();
            assert_eq!(api_keys::collections(&mut tx, key.id).await.unwrap(), expected);
        }
        collections::delete(&mut tx, notes.id).await.unwrap();
        assert_eq!(api_keys::collections(&mut tx, key.id).await.unwrap(), [memos.id]);
        assert_eq!(api_keys::collections(&mut tx, other.id).await.unwrap(), [memos.id]);
        let missing = api_keys::set_collections(&mut tx, key.id, &[CollectionId::generate()]).await;
        assert!(matches!(missing, Err(Error::Conflict(_))), "{missing:?}");
    })
    .await;
}
