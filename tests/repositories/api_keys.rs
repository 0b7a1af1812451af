//! `repositories::api_keys`.

use crate::{
    databases::on_both,
    fixtures::{at, write},
};
use synoptic::{
    domain::{
        Error,
        api_keys::{ApiKey, SecretKey},
        identifiers::ApiKeyId,
    },
    repositories::api_keys,
};

fn key(name: &str) -> (ApiKey, [u8; 32]) {
    let secret = SecretKey::generate();
    let key = ApiKey {
        id: ApiKeyId::generate(),
        name: name.to_owned(),
        prefix: secret.visible_prefix().to_owned(),
        created_at: at(0),
        revoked_at: None,
    };
    (key, secret.hash())
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_and_revoked_once() {
    on_both(async |db| {
        let ((first, hash), (second, other)) = (key("one"), key("two"));
        let mut tx = write(db).await;
        assert_eq!(api_keys::count_live(&mut tx).await.unwrap(), 0);
        api_keys::insert(&mut tx, &first, &hash).await.unwrap();
        api_keys::insert(&mut tx, &second, &other).await.unwrap();
        assert_eq!(
            api_keys::find_by_hash(&mut tx, &hash).await.unwrap(),
            Some(first.clone())
        );
        assert_eq!(api_keys::find_by_hash(&mut tx, &[0; 32]).await.unwrap(), None);
        assert_eq!(api_keys::list(&mut tx).await.unwrap(), [first.clone(), second.clone()]);
        assert!(api_keys::revoke(&mut tx, first.id, at(5)).await.unwrap());
        assert!(!api_keys::revoke(&mut tx, first.id, at(6)).await.unwrap());
        assert_eq!(
            api_keys::find_by_hash(&mut tx, &hash)
                .await
                .unwrap()
                .unwrap()
                .revoked_at,
            Some(at(5))
        );
        assert_eq!(api_keys::count_live(&mut tx).await.unwrap(), 1);
        api_keys::revoke_by_name(&mut tx, "two", at(7)).await.unwrap();
        assert_eq!(api_keys::count_live(&mut tx).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_hash_is_stored_once() {
    on_both(async |db| {
        let ((first, hash), (second, _)) = (key("one"), key("two"));
        let mut tx = write(db).await;
        api_keys::insert(&mut tx, &first, &hash).await.unwrap();
        let error = api_keys::insert(&mut tx, &second, &hash).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error:?}");
    })
    .await;
}
