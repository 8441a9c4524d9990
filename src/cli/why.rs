//! `pintree why`.

use super::Exit;
use super::args::{Format, Global, Why};
use super::ui::{Style, Ui};
use crate::ops::graph::Asked;
use crate::ops::why::{self, Answer, Chain, Offer};
use crate::ops::{Choice, Error};
use crate::pkg::Architecture;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many ways are shown without `--verbose`.
const SHOWN: usize = 3;

/// Runs the verb.
pub fn run(global: &Global, args: &Why, ui: &mut Ui) -> Result<Exit, Error> {
    let choice = Choice { images: vec![args.image.clone()], arches: super::architectures(args.arch.as_slice())? };
    let answer = why::why(&mut super::session(global, ui), &choice, &args.package, args.offers)?;
    let image = format!("{}/{}", answer.manifest, answer.image);
    let text = match ui.format() {
        Format::Json => {
            let answers: Vec<Value> = answer.answers.iter().map(answer_json).collect();
            let offers = answer.offers.as_ref().map(|offers| offers.iter().map(offer_json).collect::<Vec<_>>());
            super::pretty(&json!({"manifest": answer.manifest, "image": answer.image, "answers": answers, "offers": offers}))
        }
        Format::Markdown | Format::Human => {
            let form = |one: &Answer| if ui.format() == Format::Human { human(one, &image, ui) } else { markdown(one, &image) };
            let mut parts: Vec<String> = answer.answers.iter().map(form).collect();
            if parts.is_empty() {
                parts.push(format!("{} is not in {image}\n", args.package));
            }
            parts.extend(answer.offers.as_ref().map(|offers| offered(offers, ui)));
            parts.join("\n")
        }
    };
    ui.result(&text);
    // What is not in the image was found elsewhere, but not where it was looked for.
    Ok(if answer.answers.is_empty() { Exit::Findings } else { Exit::Done })
}

/// The repositories that have the package, a line each.
fn offered(offers: &[Offer], ui: &Ui) -> String {
    let line = |offer: &Offer| {
        let Offer { version, repo, suite, .. } = offer;
        let arches = offer.architectures.iter().map(Architecture::deb_name).collect::<Vec<_>>().join(", ");
        let marks = [(offer.locked, "locked"), (offer.security, "security"), (offer.hidden, "only on request, or kept out")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, word)| format!(", {word}")).collect();
        match ui.format() {
            Format::Markdown => format!("- {version} in `{repo}` ({suite}) for {arches}{marks}\n"),
            _ => format!("  {version} {}\n", ui.styled(Style::Faint, &format!("in {repo} ({suite}) for {arches}{marks}"))),
        }
    };
    let title = if ui.format() == Format::Markdown { "To be had:\n\n" } else { "to be had:\n" };
    title.to_owned() + &offers.iter().map(line).collect::<String>()
}

fn offer_json(offer: &Offer) -> Value {
    json!({
        "version": offer.version,
        "repo": offer.repo,
        "suite": offer.suite,
        "arches": offer.architectures.iter().map(Architecture::deb_name).collect::<Vec<_>>(),
        "locked": offer.locked,
        "security": offer.security,
        "hidden": offer.hidden,
    })
}

/// Who asks, in words.
pub fn asked(asked: &Asked) -> String {
    asked.to_string()
}

/// Who asks, for programs.
pub fn asked_json(asked: &Asked) -> Value {
    match asked {
        Asked::Request(request) => json!({"request": request}),
        Asked::Variant(variant) => json!({"variant": variant.as_str()}),
        Asked::Archive(variant) => json!({"variant": variant.as_str(), "by": "archive-priority"}),
    }
}

fn arches(answer: &Answer) -> String {
    answer.architectures.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn human(answer: &Answer, image: &str, ui: &Ui) -> String {
    let title = ui.styled(Style::Strong, &format!("{} {}", answer.package, answer.version));
    let mut text = format!("{title} in {image} for {}\n", arches(answer));
    let shown = if ui.is_verbose() { answer.chains.len() } else { SHOWN };
    for chain in answer.chains.iter().take(shown) {
        let (package, version) = &chain.first;
        line(&mut text, format_args!("  {}\n  └─ {package} {version}", asked(&chain.asked)));
        for (depth, step) in chain.links.iter().enumerate() {
            let indent = "   ".repeat(depth + 1);
            let because = ui.styled(Style::Faint, &format!("({}: {})", step.field, step.group));
            line(&mut text, format_args!("  {indent}└─ {} {} {because}", step.package, step.version));
        }
    }
    match answer.chains.len().saturating_sub(shown) {
        0 if answer.chains.is_empty() => text.push_str("  nothing in the image leads to it\n"),
        0 => {}
        1 => text.push_str("  and 1 more way, which --verbose shows\n"),
        more => line(&mut text, format_args!("  and {more} more ways, which --verbose shows")),
    }
    text
}

fn markdown(answer: &Answer, image: &str) -> String {
    let mut text = format!("`{}` {} in `{image}` for {}:\n\n", answer.package, answer.version, arches(answer));
    for chain in &answer.chains {
        let (package, _) = &chain.first;
        let links: String = chain.links.iter().map(|step| format!(" → `{}` ({}: {})", step.package, step.field, step.group)).collect();
        line(&mut text, format_args!("- {} → `{package}`{links}", asked(&chain.asked)));
    }
    text
}

fn answer_json(answer: &Answer) -> Value {
    let chain = |chain: &Chain| {
        let (package, version) = &chain.first;
        let first = json!({"package": package, "version": version});
        let links = chain
            .links
            .iter()
            .map(|step| json!({"package": step.package, "version": step.version, "field": step.field.as_str(), "group": step.group}));
        json!({"asked": asked_json(&chain.asked), "packages": std::iter::once(first).chain(links).collect::<Vec<_>>()})
    };
    json!({
        "package": answer.package,
        "version": answer.version,
        "arches": answer.architectures.iter().map(|arch| arch.deb_name()).collect::<Vec<_>>(),
        "chains": answer.chains.iter().map(chain).collect::<Vec<_>>(),
    })
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("writing to a String cannot fail");
    text.push('\n');
}
