//! Connections to PostgreSQL are encrypted, and only a server that somebody vouches for is believed.

use crate::{Folder, POOL, postgres};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{io::Write, net::TcpListener, path::PathBuf, process::Stdio, time::Duration};
use synoptic::{
    db::{Db, PgSslMode, PostgresSettings},
    on,
};

/// Who vouches for a server, and the certificate that says so.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new([]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name.to_owned());
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A server whose certificate is for `localhost`, and its port.
fn start(authority: &CertifiedIssuer<'static, KeyPair>, keys: &Folder) -> (postgres::Server, u16) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, authority)
        .unwrap();
    let folder = keys.path("server");
    std::fs::create_dir(&folder).unwrap();
    for (name, content) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())] {
        // PostgreSQL takes no key that others can read.
        let mut writer = postgres::as_server_user(&folder, &format!("umask 077; cat >'{}/{name}'", folder.display()))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = postgres::Server::start(&format!(
        "-c listen_addresses=127.0.0.1 -c port={port} -c ssl=on -c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key",
        folder = folder.display()
    ));
    (server, port)
}

async fn connect(host: &str, port: u16, mode: PgSslMode, root: Option<PathBuf>) -> Result<bool, String> {
    let settings = PostgresSettings {
        ssl_mode: Some(mode),
        ssl_root_cert: root,
        ..PostgresSettings::default()
    };
    let pool = synoptic::db::Pool {
        acquire_timeout: Duration::from_secs(5),
        ..POOL
    };
    let db = Db::connect_with(&format!("postgres://postgres@{host}:{port}/postgres"), pool, &settings)
        .await
        .map_err(|error| format!("{error:#}"))?;
    let mut tx = db.read().await.unwrap();
    let is_encrypted = on!(&mut tx, |c| sqlx::query_scalar(
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    )
    .fetch_one(c)
    .await)
    .unwrap();
    drop(tx);
    db.close().await;
    Ok(is_encrypted)
}

#[tokio::test]
async fn only_a_server_that_the_named_authority_vouches_for_is_believed() {
    let folder = Folder::new();
    let (ours, other) = (authority("Ours"), authority("Other"));
    let [ours_file, other_file] = [("ours.pem", &ours), ("other.pem", &other)].map(|(name, authority)| {
        let file = folder.path(name);
        std::fs::write(&file, authority.pem()).unwrap();
        file
    });
    let (_server, port) = start(&ours, &folder);
    for mode in [PgSslMode::VerifyFull, PgSslMode::VerifyCa] {
        assert_eq!(
            connect("localhost", port, mode, Some(ours_file.clone())).await,
            Ok(true)
        );
        let refused = connect("localhost", port, mode, Some(other_file.clone()))
            .await
            .unwrap_err();
        assert!(refused.contains("certificate"), "{refused}");
        // Nobody known to Mozilla vouches for it.
        let refused = connect("localhost", port, mode, None).await.unwrap_err();
        assert!(refused.contains("certificate"), "{refused}");
    }
    // Its certificate is for another name.
    let elsewhere = connect("127.0.0.1", port, PgSslMode::VerifyFull, Some(ours_file.clone())).await;
    let refused = elsewhere.unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    assert_eq!(
        connect("127.0.0.1", port, PgSslMode::VerifyCa, Some(ours_file)).await,
        Ok(true)
    );
    assert_eq!(connect("127.0.0.1", port, PgSslMode::Require, None).await, Ok(true));
    assert_eq!(connect("127.0.0.1", port, PgSslMode::Disable, None).await, Ok(false));
}

#[tokio::test]
async fn a_server_without_encryption_is_refused_where_it_is_wanted() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _server = postgres::Server::start(&format!("-c listen_addresses=127.0.0.1 -c port={port}"));
    let refused = connect("127.0.0.1", port, PgSslMode::Require, None).await.unwrap_err();
    assert!(refused.contains("TLS"), "{refused}");
    assert_eq!(connect("127.0.0.1", port, PgSslMode::Prefer, None).await, Ok(false));
}
