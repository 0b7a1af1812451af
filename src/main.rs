//! The program: reads its arguments and hands over to [`synoptic::cli`].

use clap::Parser;
use std::process::ExitCode;
use synoptic::cli::Arguments;

fn main() -> ExitCode {
    // The one implementation of cryptography for all of TLS; it is only refused when there is one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    synoptic::cli::run(Arguments::parse())
}
