//! Judging passwords, and hashing them with Argon2id (RFC 9106), on threads of its own.
//!
//! One hash keeps a core busy for tens of milliseconds and takes 19 MiB, and judging a new password can take longer. Whoever
//! sends many passwords must not slow others down: a fixed number of threads does this, at a lower priority than those that
//! answer requests, and no more than a fixed number of callers waits for them. Strangers wait in a lane of their own, which is
//! served while the other one is empty: they can keep out each other, and nobody who is known. A caller that is gone when its
//! turn comes is passed over.

use crate::domain::{Error, Result, passwords::Password};
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use crossbeam_channel::{Receiver, Sender, TrySendError, select_biased};
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};
use tokio::sync::oneshot;

/// How many callers wait at most in each lane, beside those whose passwords are being hashed.
pub const LONGEST_QUEUE: usize = 64;

/// What OWASP's Password Storage Cheat Sheet recommends for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// What is compared with when there is nothing to compare with: a hash of the same parameters whose password nobody knows, so
/// that an answer takes the same time whether or not there is such an account.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3MgYWNjb3VudA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Judges, hashes and verifies. Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub struct PasswordHasher {
    trusted: Sender<Job>,
    strangers: Sender<Job>,
}

/// Where a caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Always served first: for those who have shown already who they are.
    Trusted,
    /// For everybody else.
    Strangers,
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

impl PasswordHasher {
    /// Starts the threads, at least one.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let (trusted, trusted_jobs) = crossbeam_channel::bounded(LONGEST_QUEUE);
        let (strangers, strangers_jobs) = crossbeam_channel::bounded(LONGEST_QUEUE);
        for number in 0..threads.max(1) {
            let (trusted, strangers) = (trusted_jobs.clone(), strangers_jobs.clone());
            let thread = thread::Builder::new().name(format!("passwords-{number}"));
            if let Err(error) = thread.spawn(move || work(&trusted, &strangers)) {
                tracing::error!(%error, "a thread for hashing passwords could not be started");
            }
        }
        Self { trusted, strangers }
    }

    /// Takes a password that somebody chooses, as [`Password::parse_new`] does, in the lane for the trusted.
    ///
    /// # Errors
    /// `Error::Invalid` at `pointer`, `Error::RateLimited` when too many callers wait already.
    pub async fn judge(&self, pointer: &'static str, text: String, personal: Vec<String>) -> Result<Password> {
        self.run(Lane::Trusted, move |_| {
            let personal: Vec<&str> = personal.iter().map(String::as_str).collect();
            Password::parse_new(pointer, &text, &personal)
        })
        .await
    }

    /// The password's hash in PHC form, with a new salt; in the lane for the trusted, since nobody else chooses one.
    ///
    /// # Errors
    /// `Error::RateLimited` when too many callers wait already.
    pub async fn hash(&self, password: Password) -> Result<String> {
        if !password.can_match() {
            return Err(Error::internal(
                "a text that cannot be a password was about to be stored as one",
            ));
        }
        let hash = self.run(Lane::Trusted, move |memory| memory.hash(&password)).await?;
        Ok(hash.to_string())
    }

    /// Whether the password is that of the stored hash. Without one, because there is no such account or it has no password,
    /// the answer is no, and takes as long.
    ///
    /// # Errors
    /// `Error::RateLimited` when too many callers wait already, `Error::Internal` when what is stored is no hash.
    pub async fn verify(&self, lane: Lane, password: Password, stored: Option<String>) -> Result<bool> {
        self.run(lane, move |memory| {
            let known = stored.is_some() && password.can_match();
            let stored = stored.as_deref().unwrap_or(NOBODYS_HASH);
            let stored = PasswordHash::new(stored).map_err(Error::internal)?;
            Ok(memory.matches(&password, &stored)? && known)
        })
        .await
    }

    /// Whether a stored hash was made with other parameters than today's. After a password has been verified against such a
    /// one, it should be hashed anew.
    #[must_use]
    pub fn needs_rehash(&self, stored: &str) -> bool {
        let current = PasswordHash::new(NOBODYS_HASH).ok();
        let stored = PasswordHash::new(stored).ok();
        let shape = |hash: PasswordHash| {
            let lengths = (hash.salt.map(|salt| salt.len()), hash.hash.map(|output| output.len()));
            (hash.algorithm, hash.version, hash.params, lengths)
        };
        stored.map(shape) != current.map(shape)
    }

    async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&mut Memory) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            if !reply.is_closed() {
                // When the caller has gone meanwhile, nobody needs the answer.
                let _ = reply.send(work(memory));
            }
        });
        let queue = match lane {
            Lane::Trusted => &self.trusted,
            Lane::Strangers => &self.strangers,
        };
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::RateLimited {
                message: "too many sign-ins at once".to_owned(),
                retry_after: Duration::from_secs(1),
            },
            TrySendError::Disconnected(_) => Error::internal("there is no thread to hash passwords"),
        })?;
        answer
            .await
            .map_err(|_| Error::internal("the hashing of a password was broken off"))?
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHasher(…)")
    }
}

/// The whole life of a thread.
fn work(trusted: &Receiver<Job>, strangers: &Receiver<Job>) {
    lower_priority();
    let mut memory = Memory::default();
    while let Ok(job) = select_biased! {
        recv(trusted) -> job => job,
        recv(strangers) -> job => job,
    } {
        // Should a job panic, its caller is told by the reply that is dropped, and the next one has its turn.
        if catch_unwind(AssertUnwindSafe(|| job(&mut memory))).is_err() {
            memory = Memory::default();
        }
    }
}

/// On Linux niceness belongs to a thread (setpriority(2)). 5 leaves a quarter of a core that
/// is wanted by others too, so that people can still sign in then.
#[cfg(target_os = "linux")]
fn lower_priority() {
    if let Err(error) = rustix::process::nice(5) {
        tracing::debug!(%error, "passwords are hashed at the usual priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}

/// What Argon2 fills, kept from one hash to the next. Taken and given back for each, aligned blocks of this size scatter over
/// the heap: after 40 hashes a process had grown by 200 MiB instead of by 19.
#[derive(Default)]
struct Memory(Vec<Block>);

impl Memory {
    fn hash(&mut self, password: &Password) -> Result<PasswordHash> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).map_err(Error::internal)?;
        let salt: [u8; SALT_BYTES] = rand::random();
        let output = self.fill(
            Algorithm::Argon2id,
            Version::V0x13,
            &params,
            password,
            &salt,
            HASH_BYTES,
        )?;
        Ok(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(Error::internal)?,
            salt: Some(Salt::new(&salt).map_err(Error::internal)?),
            hash: Some(output),
        })
    }

    /// Hashes with the parameters of the stored hash, and compares in constant time.
    fn matches(&mut self, password: &Password, stored: &PasswordHash) -> Result<bool> {
        let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
            return Err(Error::internal("a stored password has no hash"));
        };
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(Error::internal)?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from);
        let version = version.map_err(Error::internal)?;
        let params = Params::try_from(stored).map_err(Error::internal)?;
        let output = self.fill(algorithm, version, &params, password, salt, expected.len())?;
        Ok(output == *expected)
    }

    fn fill(
        &mut self,
        algorithm: Algorithm,
        version: Version,
        params: &Params,
        password: &Password,
        salt: &[u8],
        length: usize,
    ) -> Result<Output> {
        if self.0.len() < params.block_count() {
            self.0.resize(params.block_count(), Block::new());
        }
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let mut output = vec![0; length];
        argon2
            .hash_password_into_with_memory(password.reveal().as_bytes(), salt, &mut output, &mut self.0)
            .map_err(Error::internal)?;
        Output::new(&output).map_err(Error::internal)
    }
}

#[cfg(test)]
#[path = "password_hasher_tests.rs"]
mod tests;
