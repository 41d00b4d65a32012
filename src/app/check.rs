//! `fluxgate check FILE...`: what the gateway would say of these files, without dropping them.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::domain::Environment;
use crate::fault::Language;
use crate::invoice::{Limits, Options, Profile, Verdict, examine, report};

/// At least one file is rejected (sysexits: EX_DATAERR).
const REJECTED: u8 = 65;
/// At least one file could not be read from the disk (EX_NOINPUT).
const NO_INPUT: u8 = 66;
/// What was to be printed could not be (EX_IOERR).
const NO_OUTPUT: u8 = 74;

/// Examines each file as a blocking production route would; prints a line (`json`) or a paragraph for each.
/// Ends with 0 when all are accepted, 65 when one is rejected, 66 when one cannot be read.
pub fn run(files: &[PathBuf], profile: Profile, json: bool) -> ExitCode {
    run_in(files, profile, Environment::Production, json)
}

/// [`run`] as a route of that environment would: outside production a wrong check digit of a SIRET only warns.
pub fn run_in(files: &[PathBuf], profile: Profile, environment: Environment, json: bool) -> ExitCode {
    let options = Options {
        profile,
        block: true,
        sandbox: environment != Environment::Production,
        language: spoken(),
        limits: Limits::default(),
    };
    match print_all(files, &options, json, &mut io::stdout().lock()) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(NO_OUTPUT),
    }
}

/// English when the session's locale is English; else French, which the users speak.
fn spoken() -> Language {
    let locale =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    match locale {
        Some(locale) if locale.starts_with("en") => Language::En,
        _ => Language::Fr,
    }
}

fn print_all(files: &[PathBuf], options: &Options, json: bool, out: &mut impl io::Write) -> io::Result<u8> {
    let mut code = 0;
    for path in files {
        let name = path.display().to_string();
        match read(path, options.limits.file_bytes) {
            Ok(bytes) => {
                let examined = examine(&bytes, options);
                if examined.verdict == Verdict::Reject {
                    code = code.max(REJECTED);
                }
                if json {
                    writeln!(out, "{}", report::json(&name, &examined, options))?;
                } else {
                    write!(out, "{}", report::human(&name, &examined, options))?;
                }
            }
            Err(error) => {
                code = NO_INPUT;
                if json {
                    writeln!(out, "{}", report::unopened_json(&name, &error.to_string(), options))?;
                } else {
                    writeln!(io::stderr(), "{name}: {error}")?;
                }
            }
        }
    }
    out.flush()?;
    Ok(code)
}

/// At most one byte more than the limit: `examine` then says that the file is too large.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::samples::{Expect, SAMPLES};

    #[test]
    fn a_line_a_file_and_the_worst_code() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for sample in SAMPLES {
            files.push(dir.path().join(sample.name));
            std::fs::write(files.last().unwrap(), sample.bytes).unwrap();
        }
        let options = Options { sandbox: true, ..Options::default() };
        let run = |files: &[PathBuf]| {
            let mut out = Vec::new();
            let code = print_all(files, &options, true, &mut out).unwrap();
            let lines: Vec<serde_json::Value> =
                String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            (code, lines)
        };
        let (code, lines) = run(&files);
        assert_eq!((code, lines.len()), (REJECTED, SAMPLES.len()));
        for (line, sample) in lines.iter().zip(SAMPLES) {
            let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["file", "syntax", "profile", "verdict", "findings"]);
            let refused = sample.expect == Expect::RefusedByCheck;
            assert_eq!(line["verdict"], if refused { "reject" } else { "accept" }, "{line}");
            for finding in line["findings"].as_array().unwrap() {
                let keys: Vec<&String> = finding.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["rule", "severity", "where", "message", "remedy"]);
            }
        }
        let good: Vec<PathBuf> = files[..1].to_vec();
        assert_eq!(run(&good).0, 0);

        std::fs::write(dir.path().join("cut.xml"), "<Invoice><a>").unwrap();
        let (code, lines) = run(&[dir.path().join("cut.xml")]);
        assert_eq!(code, REJECTED);
        assert_eq!(lines[0]["syntax"], serde_json::Value::Null);
        assert_eq!(lines[0]["findings"][0]["rule"], "SYNTAX");
        assert_eq!(lines[0]["findings"].as_array().unwrap().len(), 1);

        let (code, lines) = run(&[dir.path().join("cut.xml"), dir.path().join("absent.xml"), dir.path().to_owned()]);
        assert_eq!((code, lines.len()), (NO_INPUT, 3));
        assert_eq!(lines[1]["verdict"], "reject");
    }

    #[test]
    fn people_read_what_to_do() {
        let sample = SAMPLES.iter().find(|s| s.expect == Expect::RefusedByCheck).unwrap();
        let options = Options { sandbox: true, ..Options::default() };
        let page = report::human("a\u{1b}[31m.xml", &examine(sample.bytes, &options), &options);
        assert!(page.contains("REFUSÉE") && page.contains("CPRO-NUMBER-LENGTH") && page.contains("->"), "{page}");
        assert!(!page.contains('\u{1b}'), "a file's name must not drive the terminal");
    }
}
