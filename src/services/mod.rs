//! The rules: what may be done, in what order, in which transaction. Services begin and commit; no engine is asked while a
//! transaction is open.

mod acting;
pub mod analyses;
pub mod analysis_tasks;
mod answering;
mod answering_at_once;
pub mod api_keys;
mod arrivals;
pub mod audit;
mod books;
pub mod budgets;
mod claimed_analyses;
mod clocks;
pub mod collections;
pub mod deliveries;
pub mod delivering;
pub mod demo;
mod document_batches;
pub mod document_drafts;
pub mod documents;
mod erasing;
pub mod erasures;
mod evictions;
mod export_work;
pub mod exports;
mod flights;
pub mod following;
pub mod generations;
pub mod idempotency;
mod import_work;
pub mod imports;
mod job_care;
pub mod job_previews;
pub mod job_results;
pub mod job_work;
pub mod jobs;
mod label_sets;
pub mod oidc;
pub mod oidc_rules;
mod over_budget;
pub mod prompts;
pub mod push_urls;
mod reach;
mod readiness;
pub mod recognition;
mod records;
pub mod regular;
mod retention;
mod rules;
pub mod sessions;
pub mod sign_in;
pub mod sign_in_throttle;
pub mod signing_keys;
mod sources;
pub mod spending;
pub mod taxonomies;
pub mod usage;
pub mod users;
mod wanted;
mod webhook_events;
pub mod webhooks;
pub mod work;
mod writer;
mod writer_queue;
mod writer_task;

use self::{
    analyses::Analyses, answering::Answering, api_keys::ApiKeys, audit::Audit, budgets::Budgets,
    collections::Collections, delivering::Delivering, documents::Documents, erasures::Erasures, evictions::Evictions,
    exports::Exports, flights::Flights, generations::Generations, idempotency::Idempotency, imports::Imports,
    job_work::JobWork, jobs::Jobs, oidc::Oidc, oidc_rules::Setup, prompts::Prompts, push_urls::PushUrls,
    readiness::Readiness, recognition::Recognition, regular::Regular, sessions::Sessions, sign_in::SignIn,
    signing_keys::SigningKeys, spending::Spending, taxonomies::Taxonomies, usage::UsageReports, users::Users,
    webhooks::Webhooks, work::WorkQueue, writer::Writer,
};
use crate::{
    cache::AnswerCache,
    config::Auth,
    credentials::password_hasher::PasswordHasher,
    db::Db,
    domain::{Clock, Error, Result},
    engines::router::Router,
    outbound::Sender,
    telemetry::metrics::Metrics,
};
use std::{ops::Deref, sync::Arc, time::Duration};
use tokio_util::task::TaskTracker;

/// Every service, built once. Cheap to clone, and small wherever it is held.
#[derive(Clone)]
pub struct Services(Arc<All>);

impl Deref for Services {
    type Target = All;

    fn deref(&self) -> &All {
        &self.0
    }
}

/// What [`Services`] leads to.
pub struct All {
    pub analyses: Analyses,
    pub api_keys: ApiKeys,
    pub audit: Audit,
    pub budgets: Budgets,
    /// Answers of models that are at hand to be given again.
    pub cache: AnswerCache,
    pub collections: Collections,
    /// Sends what webhooks are told.
    pub delivering: Delivering,
    pub documents: Documents,
    pub exports: Exports,
    pub erasures: Erasures,
    pub generations: Generations,
    pub idempotency: Idempotency,
    pub imports: Imports,
    pub job_work: JobWork,
    pub jobs: Jobs,
    /// Sign-in through a provider, if one is configured.
    pub oidc: Option<Oidc>,
    pub prompts: Prompts,
    pub push_urls: PushUrls,
    /// Whether requests can be answered now.
    pub readiness: Readiness,
    pub recognition: Recognition,
    /// What is done from time to time.
    pub regular: Regular,
    pub sessions: Sessions,
    pub sign_in: SignIn,
    pub signing_keys: SigningKeys,
    /// What calls to models may use, and what they have used.
    pub spending: Spending,
    pub taxonomies: Taxonomies,
    pub usage: UsageReports,
    pub users: Users,
    pub webhooks: Webhooks,
    pub work: WorkQueue,
    evictions: Evictions,
    db: Db,
}

/// What the services stand on.
pub struct Foundation {
    pub db: Db,
    pub clock: Clock,
    pub router: Router,
    pub cache: AnswerCache,
    /// How old an answer may be that is given again.
    pub cache_ttl: Duration,
    pub auth: Auth,
    pub oidc: Option<Setup>,
    pub metrics: Metrics,
    /// How webhooks are reached.
    pub outbound: Sender,
    pub tasks: TaskTracker,
}

impl Services {
    #[must_use]
    pub fn new(foundation: Foundation) -> Self {
        let Foundation {
            db,
            clock,
            router,
            cache,
            cache_ttl,
            auth,
            oidc,
            metrics,
            outbound,
            tasks,
        } = foundation;
        let auth = Arc::new(auth);
        let work = WorkQueue::new(db.clone(), clock.clone());
        let writer = Writer::start(db.clone(), clock.clone(), metrics.clone(), work.clone(), &tasks);
        let hasher = PasswordHasher::new(auth.password_threads);
        let signing_keys = SigningKeys::new(db.clone(), clock.clone(), Arc::clone(&auth));
        let recheck = Duration::from_secs(auth.recheck_seconds);
        let recognition = Recognition::new(db.clone(), clock.clone(), signing_keys.clone(), tasks.clone(), recheck);
        let users = Users::new(db.clone(), clock.clone(), hasher.clone(), recognition.clone());
        let sign_in = SignIn::new(sign_in::Parts {
            db: db.clone(),
            clock: clock.clone(),
            settings: auth,
            hasher,
            signing_keys: signing_keys.clone(),
            recognition: recognition.clone(),
            metrics: metrics.clone(),
        });
        let oidc = oidc.map(|setup| {
            let parts = oidc::Parts {
                db: db.clone(),
                clock: clock.clone(),
                sign_in: sign_in.clone(),
                users: users.clone(),
                signing_keys: signing_keys.clone(),
                recognition: recognition.clone(),
                metrics: metrics.clone(),
            };
            Oidc::new(setup, parts)
        });
        let spending = Spending::new(db.clone(), clock.clone(), writer.clone());
        let answering = Answering {
            db: db.clone(),
            clock: clock.clone(),
            router,
            cache: cache.clone(),
            ttl: cache_ttl,
            flights: Flights::new(tasks.clone()),
            writer,
            spending: spending.clone(),
            metrics: metrics.clone(),
        };
        let webhooks = Webhooks::new(db.clone(), clock.clone(), work.clone(), outbound.policy().clone());
        let delivering = Delivering::new(db.clone(), clock.clone(), work.clone(), outbound, metrics);
        let evictions = Evictions::new(cache.clone(), tasks);
        let erasures = Erasures::new(db.clone(), clock.clone(), evictions.clone());
        let prompts = Prompts::new(db.clone(), clock.clone(), evictions.clone());
        let jobs = Jobs::new(db.clone(), clock.clone(), work.clone());
        let generations = Generations::new(answering.clone(), prompts.clone());
        let analyses = Analyses::new(answering, evictions.clone());
        let documents = Documents::new(db.clone(), clock.clone(), evictions.clone(), work.clone());
        let shared = Arc::new(documents.clone());
        let imports = Imports::new(&jobs, Arc::clone(&shared));
        let exports = Exports::new(&jobs);
        let chores = regular::chores_of(&jobs, &webhooks, &erasures, &imports, &exports);
        Self(Arc::new(All {
            generations,
            job_work: JobWork::new(&jobs, analyses.clone(), evictions.clone()),
            regular: Regular::new(db.clone(), clock.clone(), chores),
            jobs,
            webhooks,
            delivering,
            analyses,
            api_keys: ApiKeys::new(db.clone(), clock.clone(), recognition.clone()),
            audit: Audit::new(db.clone(), clock.clone()),
            budgets: Budgets::new(db.clone(), clock.clone()),
            collections: Collections::new(db.clone(), clock.clone(), evictions.clone()),
            push_urls: PushUrls::new(db.clone(), clock.clone(), shared),
            documents,
            erasures,
            exports,
            imports,
            idempotency: Idempotency::new(db.clone(), clock.clone()),
            readiness: Readiness::new(db.clone(), clock.clone()),
            sessions: Sessions::new(db.clone(), clock.clone(), recognition.clone()),
            oidc,
            prompts,
            sign_in,
            signing_keys,
            spending,
            usage: UsageReports::new(db.clone(), clock.clone()),
            taxonomies: Taxonomies::new(db.clone(), clock, evictions.clone()),
            evictions,
            cache,
            users,
            recognition,
            work,
            db,
        }))
    }

    /// Forgets what other servers on the same database have deleted since the last time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn follow_evictions(&self) -> Result<()> {
        self.evictions.follow(&self.db).await
    }
}

/// What was deleted or changed by somebody else between our look and our write.
fn changed_meanwhile(what: &str) -> Error {
    Error::Conflict(format!(
        "the {what} was changed by another request meanwhile; read it again, then repeat the change"
    ))
}
