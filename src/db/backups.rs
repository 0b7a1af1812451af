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
    let partial = beside(to, "partial");
    let copied = copy(&from, &partial).await;
    let placed = match copied {
        // Unlike renaming, this never takes the place of another file.
        Ok(()) => fs::hard_link(&partial, to)
            .with_context(|| format!("`{}` cannot be made", to.display()))
            .and_then(|()| sync_folder_of(to)),
        Err(error) => Err(error),
    };
    drop(fs::remove_file(&partial));
    placed?;
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
    if to.exists() && !replace {
        bail!(
            "there is a database `{}`; with `--replace` it is moved aside. Nothing was changed",
            to.display()
        );
    }
    // SQLite would take what is in such a log into whatever stands beside it.
    let mut log = to.file_name().unwrap_or_default().to_owned();
    log.push("-wal");
    let log = to.with_file_name(log);
    ensure!(
        to.exists() || !log.exists(),
        "there is `{}`, the log of a database that is not there: move it away first. Nothing was changed",
        log.display()
    );
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
    let partial = beside(&to, "restored");
    let prepared = match copy(from, &partial).await {
        Ok(()) if to.exists() => alone_with(&to).await,
        other => other,
    };
    if let Err(error) = prepared {
        drop(fs::remove_file(&partial));
        return Err(error);
    }
    let aside = to.exists().then(|| free_name(&to));
    if let Some(aside) = &aside {
        fs::rename(&to, aside)?;
    }
    fs::rename(&partial, &to)?;
    sync_folder_of(&to)?;
    Ok(aside)
}

/// `VACUUM INTO` reads one state of the database while others write, as SQLite's backup functions do, for which the driver has no
/// handle; and leaves out what was deleted.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    drop(fs::remove_file(to));
    let mut made = fs::OpenOptions::new();
    made.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut made, 0o600);
    made.open(to)
        .with_context(|| format!("`{}` cannot be made", to.display()))?;
    let outcome = fill(from, to).await;
    if outcome.is_err() {
        drop(fs::remove_file(to));
    }
    outcome
}

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

/// Whether nobody else has the database open: leaving the write-ahead log behind takes being alone. Afterwards, everything is in
/// the one file.
async fn alone_with(file: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .busy_timeout(Duration::ZERO)
        .journal_mode(SqliteJournalMode::Delete);
    let alone = options.connect().await;
    let mut connection = alone.map_err(|_| {
        anyhow::anyhow!(
            "`{}` is in use, or is no database: stop the servers and programs that have it open. Nothing was changed",
            file.display()
        )
    })?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut connection)
        .await?;
    drop(connection.close().await);
    ensure!(
        mode == "delete",
        "`{}` is in use: stop the servers and programs that have it open. Nothing was changed",
        file.display()
    );
    Ok(())
}

fn file_of(url: &str) -> Result<PathBuf> {
    ensure!(
        url.starts_with("sqlite:"),
        "PostgreSQL is backed up and restored by its own programs, `pg_dump` and `pg_restore`: docs/backups.md has the commands"
    );
    sqlite_file(url)
}

fn beside(file: &Path, extension: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{extension}"));
    file.with_file_name(name)
}

fn free_name(file: &Path) -> PathBuf {
    let mut number = 1_u32;
    loop {
        let name = beside(file, &format!("before-restore-{number}"));
        if !name.exists() {
            return name;
        }
        number += 1;
    }
}

fn sync_folder_of(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}
