//! How the report reads.

use super::*;

#[test]
fn tells_people() {
    insta::assert_snapshot!(human(&report(), 100), @r#"
    main: 11 source packages change, 2 of them for security: 6 updated, 1 downgraded, 1 rebuilt, 1 from
      another repository, 1 added, 1 removed; less is checked than before

    Security updates
      curl 7.0-1 ► 7.0-2  other-security
          changelog not read: it was not looked for
      openssl 3.0.9-1 ► 3.0.9-2  security, CVE-2026-1234
          3.0.9-2 (bookworm-security; urgency=medium)
            * CVE-2026-1234: a | pipe, @someone, #12
            * ``` <b>x</b>

    Kernel, boot and init
      linux-signed-amd64 6.1.1-1 ► 6.1.2-1  kernel
          changelog not read: it was not looked for
      systemd 252-1 ► 252-2  init
          changelog not read: no package of it is in the store

    Downgrades
      !zlib! 1.3-1 ► 1.2-1

    Look twice
      new maintainer script prerm in udev (amd64)
      changed maintainer script postinst in udev (amd64)
      new socket /usr/lib/systemd/system/udev.socket in udev (amd64)
    !  new setuid file /usr/bin/new in new1 (amd64)!
    !  new setgid file /usr/bin/new in new1 (amd64)!
      new cron job /etc/cron.d/new in new1 (amd64)

    Packages that came and went
      image base
        +libnew1:i386 [amd64] 1
            reason not known: it was not looked for
        +linux-image-6.1.0-40-amd64 [amd64] 6.1.2-1
            reason not known: it was not looked for
        +new1 [amd64] 1
            requested as `app`: app ► new1
        +nginx-doc [amd64] 1.24-1
            reason not known: it was not looked for
        !-linux-image-6.1.0-39-amd64 [amd64]! 6.1.1-1
            reason not known: it was not looked for
        !-old! 1
            requested as `app`: app ► old
      image gone gone
      new image kiosk: 2 packages on amd64

    New source packages (1)
      new 1

    Source packages that are gone (1)
      !old! 1, gone

    Other updates (4)
      gcc 12-1 rebuilt on amd64
      moved 5 from security instead of debian
      nginx 1.22.1-9 ► 1.22.1-9, 1.24-1
      tzdata 2024a-0 ► 2024a-0, 2024b-0

    Size
      base   amd64  14 packages  download 107.0 kB (+17.0 kB, 89.0 kB to fetch)  installed not known
      base   armhf  5 packages   download 31.0 kB (-3.0 kB, 20.0 kB to fetch)    installed -9.0 kB
      gone   amd64  0 packages   download 0 B (-8.0 kB, 0 B to fetch)            installed -24.0 kB
      kiosk  amd64  2 packages   download 12.0 kB (+12.0 kB, 4.0 kB to fetch)    installed +36.0 kB

    Versions that differ between images or architectures
      nginx differs: 1.22.1-9 in base (amd64, armhf); 1.24-1 in base (amd64) (new)
      tzdata differs: 2024a-0 in base (armhf); 2024b-0 in base (amd64) (new)

    Holds
      nginx stays at 1.22.* until 2027-02-01 (https://bugs.example.com/412), new: holds nginx 1.22.1-9
        back; nginx-doc 1.24-1 of the same source went on

    Trust
    !  repository `debian`: `key` changed from ["A1"] to ["A1", "B2"]!
    !  repository `vendor` was added, signed by A1!
    !  repository `vendor` is trusted without a signature!

    What the manifest asks for
      hold `nginx` was added
      image `base`: request `new1` was added
      image `gone` was removed
      image `kiosk` was added

    Users and groups
      messagebus { uid = 101, gid = 102 }, new

    Not read: 2 packages are not in the store, so scripts, privileges, services and sizes in them are
      not known: tzdata 2024a-0 amd64, tzdata 2024b-0 amd64
    "#);
}

#[test]
fn tells_change_requests() {
    insta::assert_snapshot!(markdown::render(&report(), &markdown::Options::default()), @r#"
    ### `main`: 11 source packages change, 2 of them for security: 6 updated, 1 downgraded, 1 rebuilt, 1 from another repository, 1 added, 1 removed; less is checked than before

    #### Security updates

    | source | from | to | why | images |
    | --- | --- | --- | --- | --- |
    | `curl` | `7.0-1` | `7.0-2` | `other-security` | `base` |
    | `openssl` | `3.0.9-1` | `3.0.9-2` | `security`, `CVE-2026-1234` | `base` |

    Changelog of `curl` not read: it was not looked for

    <details><summary>changelog of <code>openssl</code></summary>

    ````text
    3.0.9-2 (bookworm-security; urgency=medium)
      * CVE-2026-1234: a | pipe, @someone, #12
      * ``` <b>x</b>
    ````

    </details>

    #### Kernel, boot and init

    | source | from | to | what | images |
    | --- | --- | --- | --- | --- |
    | `linux-signed-amd64` | `6.1.1-1` | `6.1.2-1` | `kernel` | `base` |
    | `systemd` | `252-1` | `252-2` | `init` | `base` |

    Changelog of `linux-signed-amd64` not read: it was not looked for

    Changelog of `systemd` not read: no package of it is in the store

    #### Downgrades

    | source | from | to | what | images |
    | --- | --- | --- | --- | --- |
    | `zlib` | `1.3-1` | `1.2-1` |  | `base` |

    #### Look twice

    | what | which | package | architectures |
    | --- | --- | --- | --- |
    | new maintainer script | `prerm` | `udev` | `amd64` |
    | changed maintainer script | `postinst` | `udev` | `amd64` |
    | new socket | `/usr/lib/systemd/system/udev.socket` | `udev` | `amd64` |
    | ⚠️ new setuid file | `/usr/bin/new` | `new1` | `amd64` |
    | ⚠️ new setgid file | `/usr/bin/new` | `new1` | `amd64` |
    | new cron job | `/etc/cron.d/new` | `new1` | `amd64` |

    #### Packages that came and went

    | image |  | package | version | because |
    | --- | --- | --- | --- | --- |
    | `base` | + | `libnew1:i386 [amd64]` | `1` | not known: `it was not looked for` |
    | `base` | + | `linux-image-6.1.0-40-amd64 [amd64]` | `6.1.2-1` | not known: `it was not looked for` |
    | `base` | + | `new1 [amd64]` | `1` | ``requested as `app`: app ► new1`` |
    | `base` | + | `nginx-doc [amd64]` | `1.24-1` | not known: `it was not looked for` |
    | `base` | − | `linux-image-6.1.0-39-amd64 [amd64]` | `6.1.1-1` | not known: `it was not looked for` |
    | `base` | − | `old` | `1` | ``requested as `app`: app ► old`` |

    - image `gone` gone
    - new image `kiosk`: 2 packages on `amd64`

    <details><summary>New source packages (1)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `new` |  | `1` | `base`, `kiosk` |

    </details>

    <details><summary>Source packages that are gone (1)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `old` | `1` | gone | `base` |

    </details>

    <details><summary>Other updates (4)</summary>

    | source | from | to | images |
    | --- | --- | --- | --- |
    | `gcc` | `12-1` | `12-1` rebuilt on `amd64` | `base` |
    | `moved` | `5` | `5` from `security` instead of `debian` | `base` |
    | `nginx` | `1.22.1-9` | `1.22.1-9`, `1.24-1` | `base` |
    | `tzdata` | `2024a-0` | `2024a-0`, `2024b-0` | `base` |

    </details>

    #### Size

    | image | architecture | packages | download | to fetch | installed |
    | --- | --- | --- | --- | --- | --- |
    | `base` | `amd64` | 14 | 107.0 kB (+17.0 kB) | 89.0 kB | not known |
    | `base` | `armhf` | 5 | 31.0 kB (-3.0 kB) | 20.0 kB | -9.0 kB |
    | `gone` | `amd64` | 0 | 0 B (-8.0 kB) | 0 B | -24.0 kB |
    | `kiosk` | `amd64` | 2 | 12.0 kB (+12.0 kB) | 4.0 kB | +36.0 kB |

    #### Versions that differ between images or architectures

    - `nginx differs: 1.22.1-9 in base (amd64, armhf); 1.24-1 in base (amd64) (new)`
    - `tzdata differs: 2024a-0 in base (armhf); 2024b-0 in base (amd64) (new)`

    #### Holds

    - `nginx stays at 1.22.* until 2027-02-01 (https://bugs.example.com/412), new: holds nginx 1.22.1-9 back; nginx-doc 1.24-1 of the same source went on`

    #### Trust

    - ⚠️ ``repository `debian`: `key` changed from ["A1"] to ["A1", "B2"]``
    - ⚠️ ``repository `vendor` was added, signed by A1``
    - ⚠️ ``repository `vendor` is trusted without a signature``

    #### What the manifest asks for

    - ``hold `nginx` was added``
    - ``image `base`: request `new1` was added``
    - ``image `gone` was removed``
    - ``image `kiosk` was added``

    #### Users and groups

    - `messagebus { uid = 101, gid = 102 }, new`

    Not read: 2 packages are not in the store, so scripts, privileges, services and sizes in them are not known: `tzdata 2024a-0 amd64, tzdata 2024b-0 amd64`
    "#);
}

#[test]
fn tells_lock_in_a_few_lines() {
    let (old, new) = everything();
    insta::assert_snapshot!(compare("main", Some(&old), Some(&new), &Facts::default()).brief(), @"
    curl 7.0-1 ► 7.0-2
    gcc 12-1 rebuilt on amd64
    linux-signed-amd64 6.1.1-1 ► 6.1.2-1
    moved from security instead of debian
    new added at 1
    nginx 1.22.1-9 ► 1.22.1-9, 1.24-1
    old removed, was at 1
    openssl 3.0.9-1 ► 3.0.9-2
    systemd 252-1 ► 252-2
    tzdata 2024a-0 ► 2024a-0, 2024b-0
    zlib 1.3-1 ► 1.2-1
    image base: +libnew1:i386 [amd64] +linux-image-6.1.0-40-amd64 [amd64] +new1 [amd64] +nginx-doc [amd64] -linux-image-6.1.0-39-amd64 [amd64] -old
    image gone: -same-all
    image kiosk: +new1 +same-all
    nginx differs: 1.22.1-9 in base (amd64, armhf); 1.24-1 in base (amd64)
    tzdata differs: 2024a-0 in base (armhf); 2024b-0 in base (amd64)
    ");
}

#[test]
fn long_reports_are_shortened_and_say_so() {
    let names: Vec<String> = (0..1500).map(|number| format!("package{number:04}")).collect();
    let versions = |version: &str| names.iter().map(|name| format!("{name} {version}")).collect::<Vec<_>>();
    let side = |version: &str| {
        let words = versions(version);
        lock(&[("base", "amd64", &words.iter().map(String::as_str).collect::<Vec<_>>())])
    };
    let (old, new) = (side("1"), side("2"));
    let mut facts = Facts::default();
    for name in &names {
        let text = format!("{name} (2) x; urgency=low\n\n{}\n", "  * a long line about something that changed\n".repeat(30));
        facts.changelogs.insert(name.clone(), changelog::between(&text, "1", "2"));
    }
    let report = Report { comparisons: vec![compare("main", Some(&old), Some(&new), &facts)], ..Report::default() };
    let full = markdown::render(&report, &markdown::Options { limit: usize::MAX });
    assert!(full.len() > 1_000_000 && !full.contains("shortened"), "{}", full.len());
    for limit in [60_000, 10_000, 2000] {
        let text = markdown::render(&report, &markdown::Options { limit });
        assert!(text.len() <= limit, "{} of {limit}", text.len());
        assert!(text.contains(" more\n") && text.contains("1500 source packages change"), "{text}");
        assert!(text.contains("This text was shortened"), "{text}");
    }
    let many = Report { comparisons: vec![report.comparisons[0].clone(); 300], ..Report::default() };
    let text = markdown::render(&many, &markdown::Options { limit: 5000 });
    assert!(text.len() <= 5000);
    insta::assert_snapshot!(text.lines().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"), @"
    - … and 208 more

    The details are too long for this place; `pintree diff` shows them.
    ");
}

#[test]
fn files_of_images_are_told_by_package() {
    let file = |path: &str, kind, note: Option<&str>| FileChange { path: path.into(), kind, note: note.map(str::to_owned) };
    let tree = TreeChange {
        old: "main/base/amd64@1".into(),
        new: "main/base/amd64".into(),
        added: 1,
        removed: 1,
        changed: 1,
        packages: vec![
            PackageFiles {
                package: Some("a".into()),
                files: vec![
                    file("/usr/bin/a", FileChangeKind::Changed, Some("mode 0755 ► 4755")),
                    file("/usr/b`\n|", FileChangeKind::Added, None),
                ],
            },
            PackageFiles { package: None, files: vec![file("/etc/x", FileChangeKind::Removed, None)] },
        ],
    };
    let report = Report { trees: vec![tree], ..Report::default() };
    insta::assert_snapshot!(human(&report, 80), @"
    files of main/base/amd64@1 ► main/base/amd64: 1 added, 1 removed, 1 changed

    a
      ~ /usr/bin/a  mode 0755 ► 4755
      + /usr/b`�|

    of no package
      !- /etc/x!
    ");
    insta::assert_snapshot!(markdown::render(&report, &markdown::Options::default()), @"
    ### Files of `main/base/amd64@1` ► `main/base/amd64`: 1 added, 1 removed, 1 changed

    <details><summary><code>a</code> (2 files)</summary>

    ```text
    ~ /usr/bin/a  mode 0755 ► 4755
    + /usr/b`�|
    ```

    </details>

    <details><summary>of no package (1 file)</summary>

    ```text
    - /etc/x
    ```

    </details>
    ");
}

/// Everything that a package, a manifest or an image supplies, as somebody would write it who wants to be seen.
fn hostile() -> Report {
    const TEXT: &str = "a|b `c` ``` </details></code> @someone #123 <img src=x> **x** [y](http://z) \u{1b}[31m\u{202e}\n| x | y |\n";
    let mut report = report();
    for source in &mut report.comparisons[0].sources {
        source.images.push(TEXT.to_owned());
        source.to_repos.push(TEXT.to_owned());
        source.name.push_str(TEXT);
        source.changelog = Changelog::Read {
            entries: vec![Entry {
                version: TEXT.to_owned(),
                distribution: TEXT.to_owned(),
                urgency: TEXT.to_owned(),
                lines: vec![TEXT.to_owned(), "```".to_owned(), "| a | b |".to_owned()],
            }],
            left_out: 3,
            complete: true,
        };
        source.alerts.push(Alert { kind: AlertKind::Setuid, package: TEXT.into(), subject: TEXT.into(), arches: vec![TEXT.into()] });
    }
    let comparison = &mut report.comparisons[0];
    comparison.name.push_str(TEXT);
    comparison.holds[0].reason = Some(TEXT.to_owned());
    comparison.steering.push(TEXT.to_owned());
    comparison.trust.push(TrustChange { repo: TEXT.to_owned(), text: TEXT.to_owned(), weaker: true });
    comparison.not_read.insert(0, TEXT.to_owned());
    for image in &mut comparison.images {
        image.image.push_str(TEXT);
        for arrival in image.added.iter_mut().chain(&mut image.removed) {
            arrival.package.push_str(TEXT);
            arrival.reason = Reason::Known { asked: TEXT.to_owned(), chain: vec![TEXT.to_owned()] };
        }
    }
    let file = FileChange { path: format!("/usr/{TEXT}"), kind: FileChangeKind::Added, note: Some(TEXT.to_owned()) };
    report.trees.push(TreeChange {
        old: TEXT.to_owned(),
        new: TEXT.to_owned(),
        added: 1,
        removed: 0,
        changed: 0,
        packages: vec![PackageFiles { package: Some(TEXT.to_owned()), files: vec![file] }],
    });
    report
}

#[test]
fn nothing_that_others_write_is_markup() {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    let text = markdown::render(&hostile(), &markdown::Options { limit: usize::MAX });
    let (mut tables, mut columns, mut cells, mut details, mut in_block) = (0, 0, 0, 0_i32, false);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Table(alignments)) => (tables, columns) = (tables + 1, alignments.len()),
            Event::Start(Tag::TableHead | Tag::TableRow) => cells = 0,
            Event::Start(Tag::TableCell) => cells += 1,
            Event::End(TagEnd::TableHead | TagEnd::TableRow) => assert_eq!(cells, columns, "a row of table {tables}"),
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::Strong | Tag::Strikethrough)) => panic!("{tag:?} in\n{text}"),
            Event::Html(html) | Event::InlineHtml(html) => {
                details +=
                    i32::try_from(html.matches("<details>").count()).unwrap() - i32::try_from(html.matches("</details>").count()).unwrap();
                assert!(!html.contains("<img") && !html.contains("</details></code>") && !html.contains('@'), "{html}");
            }
            // Outside of code forges look for mentions and numbers, and a row that is none is left as text.
            Event::Text(words) if !in_block => assert!(!words.contains(['@', '#', '|', '`']), "{words:?} in\n{text}"),
            _ => {}
        }
    }
    assert_eq!((tables, details, in_block), (text.matches("\n| --- |").count(), 0, false));
    assert!(tables >= 8, "{tables}");
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
}

#[test]
fn nothing_that_others_write_reaches_the_terminal() {
    let text = human(&hostile(), 80);
    let bad: Vec<char> = text.chars().filter(|c| c.is_control() && *c != '\n' || *c == '\u{202e}').collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert!(!text.lines().any(|line| line.starts_with("| x")), "a line break of others ends no line");
}
