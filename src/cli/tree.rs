//! `pintree tree`.

use super::Exit;
use super::args::{self, Format, Global};
use super::ui::{Style, Ui};
use super::why::{asked, asked_json};
use crate::index::Field;
use crate::ops::graph::{Graph, Link, Member};
use crate::ops::tree::{self, Tree};
use crate::ops::{Choice, Error};
use serde_json::{Value, json};

/// Runs the verb.
pub fn run(global: &Global, args: &args::Tree, ui: &mut Ui) -> Result<Exit, Error> {
    let choice = Choice { images: vec![args.image.clone()], arches: super::architectures(args.arch.as_slice())? };
    let trees = tree::tree(&mut super::session(global, ui), &choice, args.reverse.as_deref())?;
    let depth = args.depth.map_or(usize::MAX, usize::from);
    let text = match ui.format() {
        Format::Json => super::pretty(&json!({"images": trees.iter().map(tree_json).collect::<Vec<_>>()})),
        Format::Markdown | Format::Human => trees.iter().map(|tree| draw(tree, depth, ui)).collect::<Vec<_>>().join("\n"),
    };
    ui.result(&text);
    Ok(Exit::Done)
}

fn draw(tree: &Tree, depth: usize, ui: &Ui) -> String {
    let graph = &tree.graph;
    let title = format!("{}/{}", tree.manifest, tree.image);
    let rest = format!(" for {}: {} packages", graph.architecture, graph.members.len());
    let markdown = ui.format() == Format::Markdown;
    let mut text = if markdown { format!("`{title}`{rest}\n\n") } else { format!("{}{rest}\n", ui.styled(Style::Strong, &title)) };
    let reverse = tree.from.as_ref().map(|_| graph.dependents());
    let mut drawing = Drawing { graph, reverse, depth, ui, markdown, shown: vec![false; graph.members.len()], text: String::new() };
    match &tree.from {
        Some(from) => {
            for (index, &at) in from.iter().enumerate() {
                drawing.node(at, "", "", index + 1 == from.len(), 1);
            }
        }
        None => {
            let roots: Vec<(usize, usize)> =
                graph.roots.iter().enumerate().flat_map(|(root, asked)| asked.members.iter().map(move |&at| (root, at))).collect();
            for (index, (root, at)) in roots.iter().enumerate() {
                let note = asked(&graph.roots[*root].asked);
                drawing.node(*at, &note, "", index + 1 == roots.len(), 1);
            }
        }
    }
    text.push_str(&drawing.text);
    text
}

struct Drawing<'a> {
    graph: &'a Graph,
    /// What needs each package, where that is shown instead.
    reverse: Option<Vec<Vec<Link>>>,
    depth: usize,
    ui: &'a Ui,
    markdown: bool,
    shown: Vec<bool>,
    text: String,
}

impl Drawing<'_> {
    fn node(&mut self, at: usize, note: &str, indent: &str, is_last: bool, level: usize) {
        let member = &self.graph.members[at];
        let children = match &self.reverse {
            None => children(self.graph.links(at)),
            Some(dependents) => children(dependents[at].iter().cloned()),
        };
        let again = self.shown[at];
        // At the last level nothing is shown below it yet.
        self.shown[at] |= level < self.depth;
        let mark = if again && !children.is_empty() { " (*)" } else { "" };
        let asked: Vec<String> = if self.reverse.is_some() { self.graph.asked(at).map(ToString::to_string).collect() } else { vec![] };
        let note =
            [note].into_iter().chain(asked.iter().map(String::as_str)).filter(|note| !note.is_empty()).collect::<Vec<_>>().join(", ");
        let note = if note.is_empty() { String::new() } else { format!(" {}", self.ui.styled(Style::Faint, &format!("[{note}]"))) };
        let Member { label, version, .. } = member;
        if self.markdown {
            self.text.push_str(&format!("{indent}- `{label}` {version}{note}{mark}\n"));
        } else {
            let branch = if is_last { "└─ " } else { "├─ " };
            self.text.push_str(&format!("{indent}{branch}{label} {version}{note}{mark}\n"));
        }
        if again || level == self.depth {
            return;
        }
        let below = format!(
            "{indent}{}",
            if self.markdown {
                "  "
            } else if is_last {
                "   "
            } else {
                "│  "
            }
        );
        for (index, (child, field)) in children.iter().enumerate() {
            let note = if *field == Field::Depends { "" } else { field.as_str() };
            self.node(*child, note, &below, index + 1 == children.len(), level + 1);
        }
    }
}

/// Where links lead, each place once, in the order of the fields.
fn children(links: impl Iterator<Item = Link>) -> Vec<(usize, Field)> {
    let mut children: Vec<(usize, Field)> = vec![];
    for link in links {
        if !children.iter().any(|(child, _)| *child == link.to) {
            children.push((link.to, link.field));
        }
    }
    children
}

fn tree_json(tree: &Tree) -> Value {
    let graph = &tree.graph;
    let names = |places: &[usize]| places.iter().map(|&at| graph.members[at].label.as_str()).collect::<Vec<_>>();
    let dependents = graph.dependents();
    let needed_by = |at: usize| {
        let link = |link: &Link| json!({"package": graph.members[link.to].label, "field": link.field.as_str(), "group": link.group});
        dependents[at].iter().map(link).collect::<Vec<_>>()
    };
    let package = |(at, member): (usize, &Member)| {
        let dependencies: Vec<Value> = member
            .dependencies
            .iter()
            .map(|dependency| json!({"field": dependency.field.as_str(), "group": dependency.group, "by": names(&dependency.by)}))
            .collect();
        json!({
            "package": member.label,
            "name": member.name,
            "version": member.version,
            "arch": member.architecture.deb_name(),
            "dependencies": dependencies,
            "needed_by": needed_by(at),
        })
    };
    let roots: Vec<Value> =
        graph.roots.iter().map(|root| json!({"asked": asked_json(&root.asked), "packages": names(&root.members)})).collect();
    json!({
        "manifest": tree.manifest,
        "image": tree.image,
        "arch": graph.architecture.deb_name(),
        "roots": roots,
        "packages": graph.members.iter().enumerate().map(package).collect::<Vec<_>>(),
    })
}
