//! Which cluster, who asks, and what Tenure's server there decides by.

use std::fmt::Display;
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use tenure_api::install::SETTINGS;
use tenure_api::{Project, Published};
use tenure_cluster::{Clock, Cluster, Sink, Store, connect_through, is_served, read_if_served};
use tenure_core::trail::Entry;
use tenure_core::{Settings, keys};
use tower::layer::util::Stack;
use tower::util::MapErrLayer;

use crate::arguments::{AssumedArguments, GlobalArguments};
use crate::exit::{Failure, Outcome, told};
use crate::kubeconfig::{configure, unanswered};
use crate::printer::Printer;
use crate::text::{STRONG, Text};

/// Under which name what is written from here is told from what others write.
pub(crate) const FIELD_MANAGER: &str = "kubectl-tenure";

/// A connection to a cluster.
pub(crate) struct Session {
    client: Client,
    clock: Clock,
    /// The namespace that Tenure's server runs in.
    pub(crate) tenure_namespace: String,
    /// The context of the kubeconfig.
    pub(crate) context: String,
    /// Where the API server is.
    pub(crate) server: String,
    /// As whom to act, where that is not who is connected.
    impersonate: Option<String>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// The name that the API server knows them by.
    pub(crate) user: String,
    /// Their groups.
    pub(crate) groups: Vec<String>,
}

/// What decisions are made by, and whether the server makes them by the same.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// The settings.
    pub(crate) settings: Settings,
    /// What the server published; `None` if there is no server, or it could not be read.
    pub(crate) published: Option<Published>,
    /// Why plans made by these settings are no more than advice.
    pub(crate) advisory: Vec<String>,
}

impl Session {
    /// Connects to the cluster that the command line names.
    pub(crate) async fn open(global: &GlobalArguments) -> Outcome<Self> {
        let (mut config, context) = configure(global).await?;
        config.auth_info.impersonate = global.impersonate.clone().or(config.auth_info.impersonate);
        if !global.impersonate_groups.is_empty() {
            config.auth_info.impersonate_groups = Some(global.impersonate_groups.clone());
        }
        if let Some(timeout) = global.request_timeout {
            config.read_timeout = Some(timeout);
        }
        let server = config.cluster_url.to_string();
        let impersonate = config.auth_info.impersonate.clone();
        let clock = Clock::default();
        let (at, of) = (server.clone(), context.clone());
        let naming = MapErrLayer::new(move |error| unanswered(error, &at, &of));
        let layer = Stack::new(clock.clone(), naming);
        let client = connect_through(config, &layer).context("failed to connect")?;
        Ok(Self {
            client,
            clock,
            tenure_namespace: global.tenure_namespace.clone(),
            context,
            server,
            impersonate,
        })
    }

    /// Connects, and says where and as whom something is about to be done, with what decisions are
    /// made by there.
    pub(crate) async fn announced(
        global: &GlobalArguments,
        printer: &Printer,
    ) -> Outcome<(Self, Known, Who)> {
        let session = Self::open(global).await?;
        let assumed = AssumedArguments::default();
        let (known, who) = futures::join!(session.known(&assumed), session.who());
        let who = who?;
        session.announce(&who, printer);
        Ok((session, known, who))
    }

    /// The client.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The time, as the API server tells it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The cluster, as whoever decides by what is known sees it.
    pub(crate) fn cluster(&self, known: &Known) -> Cluster {
        let settings = Arc::new(known.settings.clone());
        let cluster = Cluster::new(self.client.clone(), settings, Arc::new(Store::default()))
            .with_clock(self.clock.clone());
        match &known.published {
            Some(published) if published.archive => cluster.with_sink(Box::new(TheServers)),
            Some(_) => cluster,
            None => cluster.without_server(),
        }
    }

    /// Reads what the server decides by; without a server, what is assumed.
    pub(crate) async fn known(&self, assumed: &AssumedArguments) -> Known {
        let mut known = self.published().await;
        if assumed.any() {
            known.settings = assumed.applied_to(known.settings);
            if known.published.is_some() {
                let why = "it is made by settings of the command line, and not by the server's";
                known.advisory.push(why.to_owned());
            }
        }
        known
    }

    async fn published(&self) -> Known {
        let namespace = &self.tenure_namespace;
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let place = format!("ConfigMap {namespace}/{SETTINGS}");
        let why = match maps.get_opt(SETTINGS).await {
            Ok(Some(map)) => match Published::read(&map) {
                Ok(published) => {
                    let settings = published.settings(namespace);
                    return Known { settings, published: Some(published), advisory: Vec::new() };
                }
                Err(why) => format!("the {place} cannot be read: {why}"),
            },
            Ok(None) => format!(
                "no server of Tenure has published its settings in namespace {namespace} \
                 (--tenure-namespace)"
            ),
            Err(kube::Error::Api(status)) => {
                format!("the {place} may not be read: {}", status.message)
            }
            Err(error) => format!("the {place} could not be read: {}", told(&error)),
        };
        let system_namespaces = [namespace.clone()].into();
        let settings = Settings {
            tenure_namespace: namespace.clone(),
            system_namespaces,
            ..Settings::default()
        };
        Known { settings, published: None, advisory: vec![why] }
    }

    /// The Project of that name; none, too, where the cluster has no Projects at all.
    pub(crate) async fn project(&self, name: &str) -> Outcome<Option<Project>> {
        let projects: Api<Project> = Api::all(self.client.clone());
        let read = read_if_served::<Project, _>(&self.client, projects.get_opt(name)).await;
        read.map(Option::flatten)
            .map_err(|e| Failure::of_request(&format!("read project {name}"), &e))
    }

    /// Says that an object is not there, and if so, that this cluster has none of its kind.
    pub(crate) async fn absent<K: Resource<DynamicType = ()>>(
        &self,
        object: impl Display,
    ) -> Failure {
        let why = self.unserved::<K>().await.map(|why| format!(": {why}")).unwrap_or_default();
        Failure::error(format!("{object} is not there{why}"))
    }

    /// Says why objects of a kind could not be listed.
    pub(crate) async fn not_listed<K: Resource<DynamicType = ()>>(
        &self,
        error: &kube::Error,
    ) -> Failure {
        let doing = format!("list {}", K::plural(&()));
        match self.unserved::<K>().await {
            Some(why) => Failure::error(format!("failed to {doing}: {why}")),
            None => Failure::of_request(&doing, error),
        }
    }

    /// That this cluster has nothing of the kind, if that is known.
    async fn unserved<K: Resource<DynamicType = ()>>(&self) -> Option<String> {
        let (plural, group) = (K::plural(&()), K::group(&()));
        let served = is_served::<K>(&self.client).await.unwrap_or(true);
        let whose =
            if group == keys::KARGO_GROUP { "neither Kargo nor Tenure" } else { "no Tenure" };
        let context = &self.context;
        (!served).then(|| {
            format!(
                "the cluster of context {context} has no {plural}.{group}, so {whose} is installed"
            )
        })
    }

    /// Asks who asks.
    pub(crate) async fn who(&self) -> Outcome<Who> {
        let reviews: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review =
            review.map_err(|e| Failure::of_request("ask the API server who you are", &e))?;
        let info = review.status.and_then(|status| status.user_info).unwrap_or_default();
        Ok(Who { user: info.username.unwrap_or_default(), groups: info.groups.unwrap_or_default() })
    }

    /// Says where and as whom something is about to be done.
    pub(crate) fn announce(&self, who: &Who, printer: &Printer) {
        let text = Text::plain("context ")
            .with(STRONG, &self.context)
            .and(", server ")
            .with(STRONG, &self.server)
            .and(", user ")
            .with(STRONG, &who.user);
        let how = if self.impersonate.is_some() { " (impersonated)" } else { "" };
        printer.tell(&text.and(how));
    }
}

/// The archive that the server keeps trails in. It is the server's: nothing is kept from here.
struct TheServers;

impl Sink for TheServers {
    fn keep<'a>(&'a self, _: &'a str, _: &'a Entry) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Err("keep a trail from a client".to_owned()) })
    }
}
