//! The story, row by row: what is done, what was expected, what the API server holds now.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use tenure_api::Project;
use tenure_testbed::{apply, filled_namespace};

use super::stage::Stage;
use crate::progress::telling;

const KEEP: &str = "kargo.akuity.io/keep-namespace";
const LABEL: &str = "kargo.akuity.io/project";
/// How long a row waits for what it expects.
const PATIENCE: Duration = Duration::from_secs(60);

/// One row.
pub(crate) struct Row {
    expected: String,
    found: String,
}

impl Row {
    pub(crate) fn as_expected(&self) -> bool {
        self.expected == self.found
    }
}

struct Player {
    client: Client,
    projects: Api<Project>,
    namespaces: Api<Namespace>,
    rows: Vec<Row>,
}

pub(crate) async fn play(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let client = stage.client.clone();
    let mut player = Player {
        projects: Api::all(client.clone()),
        namespaces: Api::all(client.clone()),
        client,
        rows: Vec::new(),
    };
    let gone = "Project gone, namespace gone";
    let kept = "Project gone, namespace released";

    player.ready("demo-created", &[]).await?;
    player.end("a created namespace goes with its Project", "demo-created", gone).await?;

    player.ready("demo-keep-project", &[(KEEP, "true")]).await?;
    player.end("keep on the Project", "demo-keep-project", kept).await?;

    player.ready("demo-keep-namespace", &[]).await?;
    player.annotate_namespace("demo-keep-namespace", json!({KEEP: "true"})).await?;
    player.end("keep on the Namespace", "demo-keep-namespace", kept).await?;

    player.ready("demo-keep-both", &[(KEEP, "true")]).await?;
    player.annotate_namespace("demo-keep-both", json!({KEEP: "true"})).await?;
    player.end("keep on both", "demo-keep-both", kept).await?;

    player.misspelt().await?;

    adopted(&mut player).await?;
    foreign(&mut player).await?;

    player.ready("demo-first", &[]).await?;
    player.namespaces.delete("demo-first", &DeleteParams::default()).await?;
    player.settle("the namespace is deleted first", "demo-first", gone).await?;

    player.ready("demo-unlabelled", &[]).await?;
    let unlabel = Patch::Merge(json!({"metadata": {"labels": {LABEL: null}}}));
    player.namespaces.patch("demo-unlabelled", &PatchParams::default(), &unlabel).await?;
    player.end("the namespace lost its label: no longer ours", "demo-unlabelled", kept).await?;
    Ok(player.rows)
}

/// A namespace that Argo CD and Helm filled, adopted and released exactly as it was found.
async fn adopted(player: &mut Player) -> anyhow::Result<()> {
    let name = "demo-adopted";
    for object in filled_namespace(name) {
        apply(&player.client, &object).await?;
    }
    let label = Patch::Merge(json!({"metadata": {"labels": {LABEL: "true"}}}));
    player.namespaces.patch(name, &PatchParams::default(), &label).await?;
    // The cluster's own controllers put a ServiceAccount and a ConfigMap into every namespace.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = player.content(name).await?;
    player.ready(name, &[]).await?;
    let during = player.content(name).await?.len() - before.len();
    player.row(
        "a namespace of Argo CD and Helm is adopted",
        "12 objects added",
        &format!("{during} objects added"),
    );
    player.delete(name).await?;
    player.gone(name).await?;
    player.wait(name, |state| state.starts_with("Project gone")).await?;
    let after = player.content(name).await?;
    let same = if after == before { "exactly as it was found" } else { "changed" };
    player.row("… and released", "exactly as it was found", same);
    Ok(())
}

/// A namespace without the label is refused, and stays untouched when its Project goes.
async fn foreign(player: &mut Player) -> anyhow::Result<()> {
    let name = "demo-foreign";
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    apply(&player.client, &namespace).await?;
    let before = player.namespaces.get(name).await?;
    player.create(name, &[]).await?;
    let stalled = player.condition(name, "Stalled").await?;
    player.row("an unlabelled namespace is refused", "ExistingNamespaceMissingLabel", &stalled);
    player.delete(name).await?;
    player.gone(name).await?;
    player.wait(name, |state| state.starts_with("Project gone")).await?;
    let after = player.namespaces.get_opt(name).await?;
    let touched = if after == Some(before) { "untouched" } else { "changed" };
    player.row("… and the Stalled Project is deleted", "untouched", touched);
    Ok(())
}

impl Player {
    async fn create(&self, name: &str, annotations: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut project = Project::named(name);
        let annotations = annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        project.annotations_mut().extend(annotations);
        self.projects
            .create(&PostParams::default(), &project)
            .await
            .with_context(|| format!("create project {name}"))?;
        Ok(())
    }

    async fn ready(&self, name: &str, annotations: &[(&str, &str)]) -> anyhow::Result<()> {
        self.create(name, annotations).await?;
        let ready = self.condition(name, "Ready");
        telling(&format!("waiting for {name} to be ready"), ready).await.map(drop)
    }

    async fn delete(&self, name: &str) -> anyhow::Result<()> {
        self.projects.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    async fn annotate_namespace(&self, name: &str, annotations: Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        self.namespaces.patch(name, &PatchParams::default(), &patch).await?;
        Ok(())
    }

    /// Waits for a condition that is True, and gives its reason.
    async fn condition(&self, name: &str, kind: &str) -> anyhow::Result<String> {
        let started = std::time::Instant::now();
        while started.elapsed() < PATIENCE {
            let status = self.projects.get(name).await?.status.unwrap_or_default();
            if let Some(c) =
                status.conditions.iter().find(|c| c.type_ == kind && c.status == "True")
            {
                return Ok(c.reason.clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("project {name} is not {kind} after {} s", PATIENCE.as_secs())
    }

    /// What Kargo reads as "delete" is refused where it is written, by a rule of the API server.
    async fn misspelt(&mut self) -> anyhow::Result<()> {
        let mut project = Project::named("demo-misspelt");
        project.annotations_mut().insert(KEEP.to_owned(), "True".to_owned());
        let found = match self.projects.create(&PostParams::default(), &project).await {
            Ok(_) => "accepted",
            Err(kube::Error::Api(status)) if status.message.contains(KEEP) => "refused",
            Err(error) => return Err(error).context("create project demo-misspelt"),
        };
        self.row("misspelt: \"True\"", "refused", found);
        Ok(())
    }

    /// Deletes the Project and compares what is left.
    async fn end(&mut self, what: &str, name: &str, expected: &str) -> anyhow::Result<()> {
        self.delete(name).await?;
        self.settle(what, name, expected).await
    }

    async fn settle(&mut self, what: &str, name: &str, expected: &str) -> anyhow::Result<()> {
        let settled = self.wait(name, |state| state == expected);
        let found = telling(&format!("waiting for the end of {name}"), settled).await?;
        self.row(what, expected, &found);
        Ok(())
    }

    /// Waits until the Project is gone.
    async fn gone(&self, name: &str) -> anyhow::Result<()> {
        let gone = self.wait(name, |state| state.starts_with("Project gone"));
        telling(&format!("waiting for the end of {name}"), gone).await.map(drop)
    }

    /// Waits until the state is as wished, and gives the last one seen.
    async fn wait(&self, name: &str, wished: impl Fn(&str) -> bool) -> anyhow::Result<String> {
        let started = std::time::Instant::now();
        loop {
            let state = self.state(name).await?;
            if wished(&state) || started.elapsed() > PATIENCE {
                return Ok(state);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn state(&self, name: &str) -> anyhow::Result<String> {
        let project = match self.projects.get_opt(name).await? {
            None => "gone",
            Some(_) => "there",
        };
        let namespace = match self.namespaces.get_opt(name).await? {
            None => "gone",
            Some(ns) if ns.metadata.deletion_timestamp.is_some() => "terminating",
            Some(ns) if ns.labels().contains_key(LABEL) => "labelled",
            Some(ns) if ns.annotations().keys().any(|key| key.starts_with("tenure.dev/")) => {
                "recorded"
            }
            Some(ns) if !ns.finalizers().is_empty() => "with a finalizer",
            Some(_) => "released",
        };
        Ok(format!("Project {project}, namespace {namespace}"))
    }

    /// The namespace and everything in it that the story knows of, but for what changes by itself.
    async fn content(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = vec![self.raw(&format!("/api/v1/namespaces/{name}")).await?];
        let rbac = "apis/rbac.authorization.k8s.io/v1";
        for path in [
            format!("/api/v1/namespaces/{name}/serviceaccounts"),
            format!("/api/v1/namespaces/{name}/secrets"),
            format!("/api/v1/namespaces/{name}/configmaps"),
            format!("/api/v1/namespaces/{name}/resourcequotas"),
            format!("/apis/apps/v1/namespaces/{name}/deployments"),
            format!("/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies"),
            format!("/{rbac}/namespaces/{name}/roles"),
            format!("/{rbac}/namespaces/{name}/rolebindings"),
        ] {
            let list = self.raw(&path).await?;
            all.extend(list["items"].as_array().cloned().unwrap_or_default());
        }
        for object in &mut all {
            if let Some(object) = object.as_object_mut() {
                object.remove("status");
            }
            if let Some(meta) = object["metadata"].as_object_mut() {
                meta.remove("managedFields");
                meta.remove("resourceVersion");
            }
        }
        Ok(all)
    }

    async fn raw(&self, path: &str) -> anyhow::Result<Value> {
        let request = http::Request::get(path).body(Vec::new())?;
        self.client.request(request).await.with_context(|| format!("read {path}"))
    }

    fn row(&mut self, what: &str, expected: &str, found: &str) {
        let row = Row { expected: expected.to_owned(), found: found.to_owned() };
        let mark = if row.as_expected() { "ok  " } else { "DIFF" };
        println!("{mark} {what:<46} expected: {expected:<33} found: {found}");
        self.rows.push(row);
    }
}
