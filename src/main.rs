//! The program: reads its arguments and hands over to [`synoptic::cli`].

use clap::Parser;
use std::process::ExitCode;
use synoptic::cli::Arguments;

fn main() -> ExitCode {
    synoptic::cli::run(Arguments::parse())
}
