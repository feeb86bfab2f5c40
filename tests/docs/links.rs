//! Links of the documents: each leads to a file and a heading that exist, in the repository and in the site.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::repository::root;

/// What one document holds, as far as links go.
#[derive(Debug, Default)]
struct Document {
    /// Without those to other sites.
    links: Vec<String>,
    headings: BTreeSet<String>,
}

fn parse(text: &str) -> Document {
    let mut document = Document::default();
    let mut seen = HashMap::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let elsewhere = dest_url.contains("://") || dest_url.starts_with("mailto:");
                document.links.extend((!elsewhere).then(|| dest_url.into_string()));
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let place = place(&heading.take().unwrap_or_default());
                let times: &mut u32 = seen.entry(place.clone()).or_default();
                document.headings.insert(match times {
                    0 => place,
                    _ => format!("{place}-{times}"),
                });
                *times += 1;
            }
            _ => {}
        }
    }
    document
}

/// What a link calls a heading, at GitHub and in the site alike.
fn place(heading: &str) -> String {
    let lower = heading.trim().to_lowercase();
    let kept = lower.chars().filter_map(|letter| match letter {
        _ if letter.is_alphanumeric() || letter == '_' || letter == '-' => Some(letter),
        _ if letter.is_whitespace() => Some('-'),
        _ => None,
    });
    kept.collect()
}

/// All Markdown files, by their paths in the repository. What is built, and what belongs to others, is not looked at.
fn documents() -> BTreeMap<PathBuf, Document> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let within = path.strip_prefix(root()).unwrap().to_owned();
            let name = within.file_name().unwrap().to_string_lossy();
            let skipped = name == "target" || (name.starts_with('.') && name != ".github");
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if within.extension().is_some_and(|extension| extension == "md") {
                found.insert(within, parse(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the repository", path.display()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// The file that a link in this document leads to, and the heading.
fn target<'a>(document: &Path, link: &'a str) -> (PathBuf, Option<&'a str>) {
    let (path, heading) = match link.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (link, None),
    };
    if path.is_empty() {
        return (document.to_owned(), heading);
    }
    (plain(&document.parent().unwrap().join(path)), heading)
}

/// What is wrong with a link, if anything is.
fn complaint(documents: &BTreeMap<PathBuf, Document>, document: &Path, link: &str) -> Option<String> {
    let (path, heading) = target(document, link);
    if !root().join(&path).exists() {
        return Some("does not exist".to_owned());
    }
    let heading = heading?;
    let found = documents.get(&path).is_some_and(|it| it.headings.contains(heading));
    (!found).then(|| format!("has no heading #{heading}"))
}

#[test]
fn every_link_leads_somewhere() {
    let documents = documents();
    let mut broken = Vec::new();
    for (path, document) in &documents {
        for link in &document.links {
            broken.extend(complaint(&documents, path, link).map(|what| format!("{}: {link} {what}", path.display())));
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

const SUMMARY: &str = "docs/SUMMARY.md";

/// What the site is made of.
fn pages(documents: &BTreeMap<PathBuf, Document>) -> BTreeSet<PathBuf> {
    let summary = &documents[Path::new(SUMMARY)];
    let listed: Vec<_> = summary
        .links
        .iter()
        .map(|link| target(Path::new(SUMMARY), link).0)
        .collect();
    let pages: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(pages.len(), listed.len(), "{SUMMARY} lists a page twice");
    pages
}

#[test]
fn the_site_has_every_page_of_docs() {
    let documents = documents();
    let pages = pages(&documents);
    let all = documents.keys().filter(|path| path.starts_with("docs"));
    let missing: Vec<_> = all
        .filter(|path| *path != Path::new(SUMMARY) && !pages.contains(*path))
        .collect();
    assert!(missing.is_empty(), "{SUMMARY} does not list {missing:?}");
}

/// Folders whose files the site has beside its pages; `.ci/docs` lays them out.
const BESIDE: [&str; 3] = ["deploy", "crds", "charts"];

#[test]
fn no_page_of_the_site_links_to_what_the_site_lacks() {
    let documents = documents();
    let pages = pages(&documents);
    let mut lacking = Vec::new();
    for page in &pages {
        for link in &documents[page].links {
            let (path, _) = target(page, link);
            let of_the_site = if path.extension().is_some_and(|extension| extension == "md") {
                pages.contains(&path)
            } else if root().join(&path).is_dir() {
                // A folder is shown by the page about it.
                pages.contains(&path.join("README.md"))
            } else {
                path == Path::new("LICENSE") || BESIDE.iter().any(|folder| path.starts_with(folder))
            };
            if !of_the_site {
                lacking.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn links_and_headings_are_found() {
    let text = "# A `b`, c!\n[a](b.md#c) [d](https://e) [f](#a-b-c) ![h](i.png)\n```\n[x](y)\n# no\n```\n## A b c\n";
    let document = parse(text);
    assert_eq!(document.links, ["b.md#c", "#a-b-c", "i.png"]);
    let headings: Vec<_> = document.headings.iter().map(String::as_str).collect();
    assert_eq!(headings, ["a-b-c", "a-b-c-1"]);
    assert_eq!(
        target(Path::new("docs/a/b.md"), "../c.md#d"),
        (PathBuf::from("docs/c.md"), Some("d"))
    );
}

#[test]
fn a_broken_link_is_complained_of() {
    let documents = documents();
    let readme = Path::new("README.md");
    assert_eq!(complaint(&documents, readme, "docs/install.md#with-helm"), None);
    for link in ["docs/no-such-page.md", "docs/install.md#no-such-heading", "Makefile#a"] {
        assert!(complaint(&documents, readme, link).is_some(), "{link}");
    }
}
