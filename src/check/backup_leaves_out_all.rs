//! Finds backups whose `exclude` leaves out all of what they are to save.

use super::Rule;
use crate::decl::pattern::Pattern;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::plan::store::is_below;
use crate::plan::{BackupPlan, Plan};
use crate::source::Span;

/// Finds sources, states and dumps of a backup that a pattern leaves out with all that is in them.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("backup-leaves-out-all", Error, "a backup leaves out what it is to save");

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    for backup in &plan.backups {
        let service = &plan.model[backup.service];
        let Some(settings) = &service.backup else { continue };
        let patterns: Vec<_> = settings
            .exclude
            .iter()
            .filter_map(|text| Some((text, Pattern::parse(text)?)))
            .filter(|(text, _)| !text.trim_start().starts_with('!'))
            .collect();
        if patterns.is_empty() {
            continue;
        }
        for (path, what, span) in saved(plan, backup) {
            let Some((pattern, _)) = patterns.iter().find(|(_, one)| one.covers(path)) else {
                continue;
            };
            let message = format!("`{}` leaves out all of {what}, by `{pattern}`", service.name);
            diagnostics.push(
                Diagnostic::new(&CODE, service.span, message)
                    .label(span, format!("it is in `{path}`"))
                    .help("let the pattern name less, or save nothing of that folder")
                    .on(service.name.clone()),
            );
            // Further ones are left out by the same mistake.
            break;
        }
    }
}

/// Lists the paths that a backup is to save, each with what it is and where it is declared.
fn saved<'p>(plan: &Plan<'p>, backup: &'p BackupPlan) -> Vec<(&'p str, String, Span)> {
    let model = plan.model;
    let sources = backup.sources.iter();
    let sources = sources.map(|source| (source.path.as_str(), source.what.clone(), source.span));
    let dumps = backup.dumps.iter().map(|dump| {
        let of = &model[dump.service];
        (dump.folder.as_str(), format!("the dumps of `{}`", of.name), of.span)
    });
    let machine = model[backup.service].machine;
    let services = model.services.iter().filter(|service| service.machine == machine);
    let states = services.flat_map(|service| {
        service.states.iter().map(move |state| {
            (state.path.as_str(), format!("`{}` of `{}`", state.name, service.name), service.span)
        })
    });
    let is_saved = |path: &str| {
        backup.sources.iter().any(|source| {
            is_below(path, &source.path) && !source.exclude.iter().any(|out| is_below(path, out))
        })
    };
    sources.chain(dumps).chain(states.filter(|(path, ..)| is_saved(path))).collect()
}
