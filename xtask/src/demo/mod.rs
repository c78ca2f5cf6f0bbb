//! `cargo xtask demo`: the story of a Project and its Namespace, played on real objects.

mod stage;
mod story;
mod tour;

use anyhow::bail;

use crate::cluster::until_told;
use crate::progress::telling;
use stage::Stage;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End after the story, with an error if any row differs
    #[arg(long)]
    once: bool,
    /// Play on the cluster of this kubeconfig context instead of a control plane of its own. The
    /// cluster must have no Projects, for Tenure would manage them
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl Arguments {
    /// The story, and no more.
    pub(crate) fn once() -> Self {
        Self { once: true, context: None }
    }
}

pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let stage = Stage::set(arguments.context.as_deref()).await?;
    let rows = story::play(&stage).await?;
    let differing = rows.iter().filter(|row| !row.as_expected()).count();
    println!("\n{} rows, {} as expected", rows.len(), rows.len() - differing);
    if !arguments.once {
        if stage.is_own() {
            telling("preparing two Projects to look at", tour::set(&stage)).await?;
        }
        stage.invite()?;
        until_told().await?;
    }
    if differing > 0 {
        bail!("{differing} rows differ from what was expected");
    }
    Ok(())
}
