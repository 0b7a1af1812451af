//! Synoptic stores streams of text, summarises and classifies them, and tells how sure it is.
//!
//! # A walk through one request
//!
//! A client sends `POST /api/classify`. [`http`] gives the request a trace id, reads its body up to a limit, and has [`auth`]
//! recognise the key. The router calls a handler in [`controllers`], whose first argument is the caller: without one, the
//! answer is 401 before anything else is looked at. The handler's other arguments are bodies from [`dto`], which check the
//! shape and turn into types of [`domain`], which check the meaning. It calls one function of [`services`], where the rules
//! are: look the taxonomy up through [`repositories`] in a transaction of [`db`], look whether [`cache`] has the answer, ask an engine
//! of [`engines`] (which stands on [`text`]) with no transaction open, record the answer in another. Prompts are filled by
//! [`templates`]. Passwords and tokens are hashed, signed and verified by
//! [`credentials`], which know no database; webhooks are reached through [`outbound`]; prompts are filled by [`templates`]. The answer goes back as a DTO; an error becomes problem
//! details in one place. [`telemetry`] has counted, timed and logged it all. [`app`] wired these parts together from the
//! [`config`], and [`cli`] started it.
//!
//! Layers are folders and point one way; a test holds them to it.

pub mod app;
pub mod auth;
pub mod cache;
pub mod cli;
pub mod config;
pub mod controllers;
pub mod credentials;
pub mod db;
pub mod domain;
pub mod dto;
pub mod engines;
pub mod http;
pub mod interchange;
pub mod jobs;
pub mod outbound;
pub mod repositories;
pub mod services;
pub mod telemetry;
pub mod templates;
pub mod text;
