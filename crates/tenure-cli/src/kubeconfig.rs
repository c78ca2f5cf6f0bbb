//! Which cluster, and as whom: what the command line chooses of a kubeconfig.
//!
//! What is named has to be there: the client takes a user that is not for nobody in particular.

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use tower::BoxError;

use crate::arguments::GlobalArguments;
use crate::exit::{Failure, Outcome, causes};

/// The configuration, and the name of its context.
pub(crate) async fn configure(global: &GlobalArguments) -> Outcome<(Config, String)> {
    let options = KubeConfigOptions {
        context: global.context.clone(),
        cluster: global.cluster.clone(),
        user: global.user.clone(),
    };
    let chosen = global.context.is_some() || global.cluster.is_some() || global.user.is_some();
    let kubeconfig = match &global.kubeconfig {
        Some(path) => Kubeconfig::read_from(path).map_err(|error| unread(&error))?,
        None => match Kubeconfig::read() {
            Ok(kubeconfig) => kubeconfig,
            Err(error) if chosen => return Err(unread(&error)),
            Err(error) => {
                let config = Config::incluster().map_err(|_| unread(&error))?;
                return Ok((config, "in-cluster".to_owned()));
            }
        },
    };
    let context = named(&kubeconfig, &options)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Ok((config.map_err(|error| unread(&error))?, context))
}

/// The context, once everything that is named is there.
fn named(kubeconfig: &Kubeconfig, options: &KubeConfigOptions) -> Outcome<String> {
    let Kubeconfig { contexts, clusters, auth_infos, current_context, .. } = kubeconfig;
    let contexts: Vec<_> = contexts.iter().map(|context| context.name.as_str()).collect();
    let current = current_context.as_ref().filter(|name| !name.is_empty());
    let Some(context) = options.context.as_ref().or(current) else {
        let there = listed(&contexts);
        let why = format!("the kubeconfig has no current context; choose a --context: {there}");
        return Err(Failure::error(why));
    };
    let clusters: Vec<_> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let users: Vec<_> = auth_infos.iter().map(|user| user.name.as_str()).collect();
    for (what, name, there) in [
        ("context", Some(context), contexts),
        ("cluster", options.cluster.as_ref(), clusters),
        ("user", options.user.as_ref(), users),
    ] {
        if let Some(name) = name.filter(|name| !there.contains(&name.as_str())) {
            let there = listed(&there);
            let why = format!("the kubeconfig has no {what} {name}; of these it has {there}");
            return Err(Failure::error(why));
        }
    }
    Ok(context.clone())
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn unread(error: &KubeconfigError) -> Failure {
    Failure::error(match error {
        KubeconfigError::ReadConfig(error, path) => {
            format!("failed to read the kubeconfig {}: {error}", path.display())
        }
        other => format!("failed to read the kubeconfig: {}", causes(other)),
    })
}

/// Says of what the API server did not answer which one that is, and why it did not.
pub(crate) fn unanswered(error: BoxError, server: &str, context: &str) -> BoxError {
    if error.is::<kube::Error>() {
        return error;
    }
    let why = causes(&*error);
    format!("the API server at {server}, of context {context}, does not answer: {why}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "
apiVersion: v1
kind: Config
current-context: one
contexts: [{name: one, context: {cluster: here, user: gone}}, {name: two, context: {cluster: here}}]
clusters: [{name: here, cluster: {server: 'https://here'}}]
users: [{name: anna, user: {}}]
";

    fn choose(context: Option<&str>, cluster: Option<&str>, user: Option<&str>) -> String {
        let kubeconfig = Kubeconfig::from_yaml(WRITTEN).expect("a kubeconfig");
        let [context, cluster, user] = [context, cluster, user].map(|name| name.map(str::to_owned));
        named(&kubeconfig, &KubeConfigOptions { context, cluster, user })
            .unwrap_or_else(|failure| failure.message)
    }

    #[test]
    fn what_is_named_has_to_be_there() {
        assert_eq!(choose(None, None, None), "one");
        assert_eq!(choose(Some("two"), Some("here"), Some("anna")), "two");
        let told = choose(Some("nope"), None, None);
        assert_eq!(told, "the kubeconfig has no context nope; of these it has one, two");
        let told = choose(None, Some("nope"), None);
        assert_eq!(told, "the kubeconfig has no cluster nope; of these it has here");
        let told = choose(None, None, Some("nope"));
        assert_eq!(told, "the kubeconfig has no user nope; of these it has anna");
    }
}
