//! Hashing, and whose turn it is.

use super::*;
use argon2::{PasswordHasher as _, PasswordVerifier as _};
use futures_util::future::join_all;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

fn password(text: &str) -> Password {
    Password::for_sign_in(text)
}

#[tokio::test]
async fn a_password_verifies_against_its_hash_and_no_other() {
    let hasher = PasswordHasher::new(1);
    let stored = hasher.hash(password("correct horse")).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert_ne!(hasher.hash(password("correct horse")).await.unwrap(), stored);
    assert!(!hasher.needs_rehash(&stored));
    assert!(
        hasher
            .verify(Lane::Strangers, password("correct horse"), Some(stored.clone()))
            .await
            .unwrap()
    );
    for wrong in ["Correct horse", "correct horse ", "", "\0"] {
        assert!(
            !hasher
                .verify(Lane::Strangers, password(wrong), Some(stored.clone()))
                .await
                .unwrap()
        );
    }
    // The crate's own way comes to the same.
    assert!(
        Argon2::default()
            .verify_password(b"correct horse", stored.as_str())
            .is_ok()
    );
}

#[tokio::test]
async fn an_account_without_a_password_is_never_entered_and_takes_as_long() {
    let hasher = PasswordHasher::new(1);
    assert!(!hasher.needs_rehash(NOBODYS_HASH));
    for text in ["", "\0", "correct horse"] {
        assert!(!hasher.verify(Lane::Strangers, password(text), None).await.unwrap());
    }
}

#[tokio::test]
async fn what_matches_nothing_is_not_stored() {
    let hasher = PasswordHasher::new(1);
    assert!(matches!(hasher.hash(password("\0")).await, Err(Error::Internal { .. })));
    let stored = Argon2::default().hash_password(b"\0").unwrap().to_string();
    assert!(
        !hasher
            .verify(Lane::Strangers, password("\0"), Some(stored))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn hashes_of_other_parameters_verify_and_are_to_be_renewed() {
    let hasher = PasswordHasher::new(1);
    for (algorithm, memory, passes, lanes) in [
        (Algorithm::Argon2id, 32_768, 1, 1),
        (Algorithm::Argon2id, 64, 3, 2),
        (Algorithm::Argon2i, 64, 1, 1),
    ] {
        let params = Params::new(memory, passes, lanes, None).unwrap();
        let other = Argon2::new(algorithm, Version::V0x13, params);
        let stored = other.hash_password(b"correct horse").unwrap().to_string();
        assert!(hasher.needs_rehash(&stored));
        assert!(
            hasher
                .verify(Lane::Strangers, password("correct horse"), Some(stored.clone()))
                .await
                .unwrap()
        );
        assert!(
            !hasher
                .verify(Lane::Strangers, password("wrong horse"), Some(stored))
                .await
                .unwrap()
        );
    }
    for text in ["", "secret", "$2b$12$abc", "$argon2id$v=19$m=19456,t=2,p=1"] {
        assert!(hasher.needs_rehash(text));
        assert!(
            hasher
                .verify(Lane::Strangers, password("secret"), Some(text.to_owned()))
                .await
                .is_err()
        );
    }
}

/// Stops the only thread until something is sent.
fn hold(hasher: &PasswordHasher) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel();
    let (started, running) = mpsc::channel();
    hasher
        .strangers
        .send(Box::new(move |_| {
            started.send(()).unwrap();
            held.recv().unwrap();
        }))
        .unwrap();
    running.recv().unwrap();
    release
}

#[tokio::test]
async fn beyond_the_queue_callers_are_told_when_to_come_again() {
    let hasher = PasswordHasher::new(1);
    let release = hold(&hasher);
    let mut waiting: Vec<_> = (0..LONGEST_QUEUE)
        .map(|_| Box::pin(hasher.run(Lane::Strangers, |_| Ok(()))))
        .collect();
    for caller in &mut waiting {
        assert!(futures_util::poll!(caller).is_pending());
    }
    let error = hasher.verify(Lane::Strangers, password("x"), None).await.unwrap_err();
    assert_eq!(error.to_string(), "too many sign-ins at once; try again in 1 s");
    release.send(()).unwrap();
    assert!(join_all(waiting).await.into_iter().all(|answer| answer.is_ok()));
}

#[tokio::test]
async fn a_caller_that_has_gone_is_passed_over() {
    let hasher = PasswordHasher::new(1);
    let release = hold(&hasher);
    let worked = Arc::new(AtomicUsize::new(0));
    let caller = |hasher: PasswordHasher| {
        let worked = worked.clone();
        async move {
            hasher
                .run(Lane::Strangers, move |_| {
                    worked.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                })
                .await
        }
    };
    let mut gone = Box::pin(caller(hasher.clone()));
    assert!(futures_util::poll!(&mut gone).is_pending());
    drop(gone);
    let mut stays = Box::pin(caller(hasher.clone()));
    assert!(futures_util::poll!(&mut stays).is_pending());
    release.send(()).unwrap();
    stays.await.unwrap();
    assert_eq!(worked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_job_that_panics_takes_nobody_along() {
    let hasher = PasswordHasher::new(1);
    let broken: Result<()> = hasher.run(Lane::Strangers, |_| panic!("on purpose")).await;
    assert!(matches!(broken, Err(Error::Internal { .. })));
    assert!(hasher.hash(password("correct horse")).await.is_ok());
}

#[tokio::test]
async fn several_threads_hash_at_once() {
    let hasher = PasswordHasher::new(3);
    let answers = join_all((0..6).map(|_| hasher.hash(password("correct horse")))).await;
    assert!(answers.into_iter().all(|hash| hash.is_ok()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_the_threads_that_hash_step_back() {
    let before = rustix::process::getpriority_process(None).unwrap();
    let hasher = PasswordHasher::new(1);
    let nice = hasher
        .run(Lane::Strangers, |_| Ok(rustix::process::getpriority_process(None)))
        .await
        .unwrap();
    assert_eq!(nice.unwrap(), (before + 5).min(19));
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
}

#[tokio::test]
async fn strangers_keep_out_nobody_who_is_trusted() {
    let hasher = PasswordHasher::new(1);
    let release = hold(&hasher);
    let (turns, order) = mpsc::channel();
    let caller = |lane: Lane| {
        let turns = turns.clone();
        Box::pin(hasher.run(lane, move |_| {
            turns.send(lane).unwrap();
            Ok(())
        }))
    };
    let mut waiting = Vec::new();
    for lane in [Lane::Strangers, Lane::Trusted] {
        waiting.extend((0..LONGEST_QUEUE).map(|_| caller(lane)));
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        assert!(matches!(caller(lane).await, Err(Error::RateLimited { .. })), "{lane:?}");
    }
    release.send(()).unwrap();
    assert!(join_all(waiting).await.into_iter().all(|answer| answer.is_ok()));
    let order: Vec<Lane> = order.try_iter().collect();
    assert_eq!(order[..LONGEST_QUEUE], [Lane::Trusted; LONGEST_QUEUE]);
    assert_eq!(order[LONGEST_QUEUE..], [Lane::Strangers; LONGEST_QUEUE]);
}

#[tokio::test]
async fn a_new_password_is_judged_on_the_threads_for_passwords() {
    let hasher = PasswordHasher::new(1);
    let release = hold(&hasher);
    let judge = |text: &str| {
        let personal = vec!["ann@example.org".to_owned(), "Wilhelmina".to_owned()];
        Box::pin(hasher.judge("/new_password", text.to_owned(), personal))
    };
    let mut good = judge("seven green bicycles in the rain");
    // Where it was begun, nothing was done.
    assert!(futures_util::poll!(&mut good).is_pending());
    release.send(()).unwrap();
    assert_eq!(good.await.unwrap(), password("seven green bicycles in the rain"));
    for (text, message) in [("short", "at least 12"), ("wilhelmina2026!", "count for nothing")] {
        let refused = judge(text).await.unwrap_err().to_string();
        assert!(
            refused.contains("/new_password") && refused.contains(message),
            "{refused}"
        );
    }
}
