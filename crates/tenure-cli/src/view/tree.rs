//! A tree of lines.

use termtree::Tree;

use crate::text::Text;

/// A line with what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    line: Text,
    leaves: Vec<Branch>,
}

impl Branch {
    /// A line.
    pub(crate) fn new(line: Text) -> Self {
        Self { line, leaves: Vec::new() }
    }

    /// With a line that belongs to it.
    pub(crate) fn push(&mut self, leaf: impl Into<Self>) {
        self.leaves.push(leaf.into());
    }

    /// With what belongs to it, if there is anything.
    pub(crate) fn push_unless_bare(&mut self, branch: Self) {
        if !branch.leaves.is_empty() {
            self.leaves.push(branch);
        }
    }

    /// The lines, as they are printed.
    pub(crate) fn render(&self) -> String {
        self.tree().to_string()
    }

    fn tree(&self) -> Tree<String> {
        // What a text says on several lines stays below its first.
        Tree::new(self.line.to_string())
            .with_multiline(true)
            .with_leaves(self.leaves.iter().map(Self::tree))
    }
}

impl From<Text> for Branch {
    fn from(line: Text) -> Self {
        Self::new(line)
    }
}

impl From<&str> for Branch {
    fn from(line: &str) -> Self {
        Self::new(Text::plain(line))
    }
}

impl From<String> for Branch {
    fn from(line: String) -> Self {
        Self::new(Text::plain(line))
    }
}
