//! Copies of a SQLite database: taken while servers use it, checked, and put in the place of another. PostgreSQL has tools of its
//! own for that.

use super::{connect::sqlite_file, migrate::migrations_of};
use anyhow::{Context, Result, bail, ensure};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long reading waits for a writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Copies the database, as it is at one moment, into a new file that only its owner can read. Servers may go on using it.
/// Returns the size of the copy in bytes.
///
/// # Errors
/// When it is no SQLite database, the file exists already, cannot be written, or the copy does not pass SQLite's own check; then
/// there is no file.
pub async fn back_up(url: &str, to: &Path) -> Result<u64> {
    let from = file_of(url)?;
    ensure!(from.exists(), "there is no database `{}` to back up", from.display());
    ensure!(!to.exists(), "`{}` exists already; nothing was written", to.display());
    let copied = Partial::copy(&from, to).await?;
    match copied.place(to, hard_link)? {
        Placed::Yes => sync_folder_of(to)?,
        Placed::Taken => bail!("`{}` exists already; nothing was written", to.display()),
    }
    Ok(fs::metadata(to)?.len())
}

/// Puts a backup where the database is. Returns where the database that was there has gone, if there was one.
///
/// # Errors
/// When the backup is no sound database of this version or an older one; when there is a database and `replace` does not say
/// that it may go; when a program has it open. Then nothing was changed.
pub async fn restore(from: &Path, url: &str, replace: bool) -> Result<Option<PathBuf>> {
    let to = file_of(url)?;
    ensure!(from.exists(), "there is no backup `{}`", from.display());
    let is_there = to.exists();
    if is_there && !replace {
        bail!(
            "there is a database `{}`; with `--replace` it is moved aside. Nothing was changed",
            to.display()
        );
    }
    // SQLite would take what is in such a log into whatever stands beside it.
    for extension in ["-wal", "-journal"] {
        let log = with_suffix(&to, extension);
        ensure!(
            is_there || !log.exists(),
            "there is `{}`, the log of a database that is not there: move it away first. Nothing was changed",
            log.display()
        );
    }
    let mut backup = open(from).await?;
    let known = migrations_of(&mut backup).await;
    drop(backup.close().await);
    let known = known.with_context(|| format!("`{}` is no SQLite database", from.display()))?;
    ensure!(
        known.applied > 0,
        "`{}` is no database of Synoptic; nothing was changed",
        from.display()
    );
    ensure!(
        known.unknown.is_empty(),
        "`{}` is of a newer version of Synoptic (it has migration {}); nothing was changed",
        from.display(),
        known.unknown.first().copied().unwrap_or_default()
    );
    let restored = Partial::copy(from, &to).await?;
    let aside = if is_there {
        Some(swap(&restored, &to, hard_link).await?)
    } else {
        match restored.place(&to, hard_link)? {
            Placed::Yes => None,
            Placed::Taken => bail!(
                "a program has made a database `{}` meanwhile: stop it first. Nothing was changed",
                to.display()
            ),
        }
    };
    sync_folder_of(&to)?;
    Ok(aside)
}

/// Gives the old database a second name and puts the restored one in its place, while nobody else can use it. The place is never
/// empty, so that no server finds nothing there and makes a new database. A server that opens the old file meanwhile waits for the lock,
/// and is refused by SQLite afterwards, as the file is not at its place any more.
async fn swap(restored: &Partial, to: &Path, link: Link) -> Result<PathBuf> {
    let lock = alone_with(to).await?;
    // To be closed after SQLite's connection: closing any handle of a file gives up all locks that a program has on it.
    let mut old = File::open(to)?;
    let aside = keep_aside(&mut old, to, link)
        .with_context(|| format!("`{}` cannot be kept aside; nothing was changed", to.display()))?;
    let renamed = fs::rename(&restored.0, to);
    drop(lock.close().await);
    drop(old);
    if let Err(error) = renamed {
        drop(fs::remove_file(&aside));
        return Err(error).with_context(|| format!("`{}` cannot be replaced; nothing was changed", to.display()));
    }
    Ok(aside)
}

/// Where a file system has no links, the old database is copied.
fn keep_aside(old: &mut File, to: &Path, link: Link) -> Result<PathBuf> {
    for number in 1_u32..=u32::MAX {
        let aside = with_suffix(to, &format!(".before-restore-{number}"));
        match link(to, &aside) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(_) => {}
        }
        let mut copy = match create_private(&aside) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            made => made?,
        };
        let copied = io::copy(old, &mut copy).and_then(|_| copy.sync_all());
        if let Err(error) = copied {
            drop(fs::remove_file(&aside));
            return Err(error.into());
        }
        return Ok(aside);
    }
    bail!("there is no name left for it")
}

/// How a file gets a second name, never that of another file.
type Link = fn(&Path, &Path) -> io::Result<()>;

fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)
}

/// Whether a file has got its name.
#[derive(Debug, PartialEq, Eq)]
enum Placed {
    Yes,
    /// Another file has it.
    Taken,
}

/// A copy that has not got its name yet, beside where it is to be. It goes when this does.
#[derive(Debug)]
struct Partial(PathBuf);

impl Partial {
    /// Copies the database into a new file with a name that nobody else uses.
    async fn copy(from: &Path, to: &Path) -> Result<Self> {
        let file = with_suffix(to, &format!(".{:016x}.partial", rand::random::<u64>()));
        create_private(&file).with_context(|| format!("`{}` cannot be made", file.display()))?;
        let partial = Self(file);
        fill(from, &partial.0).await?;
        Ok(partial)
    }

    /// Gives it its name. Unlike renaming alone, this never takes the place of another file.
    fn place(self, to: &Path, link: Link) -> Result<Placed> {
        match link(&self.0, to) {
            Ok(()) => return Ok(Placed::Yes),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Placed::Taken),
            Err(_) => {}
        }
        // There are no links here, as on FAT: the name is taken by an empty file, and only that is replaced.
        match create_private(to) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Placed::Taken),
            made => drop(made.with_context(|| format!("`{}` cannot be made", to.display()))?),
        }
        if let Err(error) = fs::rename(&self.0, to) {
            drop(fs::remove_file(to));
            return Err(error).with_context(|| format!("`{}` cannot be made", to.display()));
        }
        Ok(Placed::Yes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
        for extension in ["-journal", "-wal", "-shm"] {
            drop(fs::remove_file(with_suffix(&self.0, extension)));
        }
    }
}

/// Makes a new file that only its owner can read.
fn create_private(file: &Path) -> io::Result<File> {
    let mut made = fs::OpenOptions::new();
    made.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut made, 0o600);
    made.open(file)
}

/// `VACUUM INTO` reads one state of the database while others write, as SQLite's backup functions do, for which the driver has no
/// handle; and leaves out what was deleted.
async fn fill(from: &Path, to: &Path) -> Result<()> {
    let mut source = open(from).await?;
    let target = to
        .to_str()
        .with_context(|| format!("`{}` is not UTF-8, which SQLite takes only", to.display()))?;
    sqlx::query("VACUUM INTO ?")
        .bind(target)
        .execute(&mut source)
        .await
        .with_context(|| format!("`{}` cannot be copied", from.display()))?;
    drop(source.close().await);
    let mut copied = open(to).await?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut copied)
        .await?;
    drop(copied.close().await);
    ensure!(
        found == ["ok"],
        "the copy of `{}` is not sound: {}",
        from.display(),
        found.first().map_or("", String::as_str)
    );
    File::open(to)?.sync_all()?;
    Ok(())
}

async fn open(file: &Path) -> Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .connect()
        .await
        .with_context(|| format!("`{}` is no SQLite database, or cannot be opened", file.display()))
}

/// Takes the database for oneself: leaving the write-ahead log behind takes being alone. Afterwards everything is in the one file, and
/// nobody else reads or writes it until the connection is closed.
async fn alone_with(file: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(Duration::ZERO)
        .journal_mode(SqliteJournalMode::Delete);
    let locked = async {
        let mut connection = options.connect().await?;
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await?;
        // A server may have come back to the log before the lock was taken.
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut connection)
            .await?;
        Ok::<_, sqlx::Error>((mode == "delete").then_some(connection))
    };
    locked.await.ok().flatten().with_context(|| {
        format!(
            "`{}` is in use, or is no database: stop the servers and programs that have it open. Nothing was changed",
            file.display()
        )
    })
}

fn file_of(url: &str) -> Result<PathBuf> {
    ensure!(
        url.starts_with("sqlite:"),
        "PostgreSQL is backed up and restored by its own programs, `pg_dump` and `pg_restore`: docs/backups.md has the commands"
    );
    sqlite_file(url)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    file.with_file_name(name)
}

fn sync_folder_of(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_links(_: &Path, _: &Path) -> io::Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }

    fn names(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = files
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn partial(folder: &Path) -> Partial {
        let partial = Partial(folder.join("it.0.partial"));
        fs::write(&partial.0, "the copy").unwrap();
        partial
    }

    #[test]
    fn a_file_gets_its_name_without_links_too_and_never_that_of_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("it");
        for link in [hard_link as Link, no_links] {
            assert_eq!(partial(folder.path()).place(&to, link).unwrap(), Placed::Yes);
            assert_eq!(fs::read_to_string(&to).unwrap(), "the copy");
            assert_eq!(names(folder.path()), ["it"]);
            fs::write(&to, "something else").unwrap();
            assert_eq!(partial(folder.path()).place(&to, link).unwrap(), Placed::Taken);
            assert_eq!(fs::read_to_string(&to).unwrap(), "something else");
            assert_eq!(names(folder.path()), ["it"]);
            fs::remove_file(&to).unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_there_is_kept_aside_without_links_too() {
        for link in [hard_link as Link, no_links] {
            let folder = tempfile::tempdir().unwrap();
            let to = folder.path().join("it");
            drop(
                SqliteConnectOptions::new()
                    .filename(&to)
                    .create_if_missing(true)
                    .connect()
                    .await
                    .unwrap()
                    .close()
                    .await,
            );
            let old = fs::read(&to).unwrap();
            fs::write(folder.path().join("it.before-restore-1"), "an earlier one").unwrap();
            let aside = swap(&partial(folder.path()), &to, link).await.unwrap();
            assert_eq!(fs::read(&aside).unwrap(), old);
            assert_eq!(fs::read_to_string(&to).unwrap(), "the copy");
            assert_eq!(
                names(folder.path()),
                ["it", "it.before-restore-1", "it.before-restore-2"]
            );
        }
    }
}
