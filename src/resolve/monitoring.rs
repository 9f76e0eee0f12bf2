//! Reads the alerts and dashboards of the lab.

use super::read::string;
use super::{codes, names};
use crate::decl::Block;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Alert, Dashboard, Duration, TemplateId};
use crate::source::{Layer, Sources, Spanned};

/// Reads an alert of the lab or of a module.
pub fn alert(block: &Block<'_>) -> Alert {
    Alert {
        name: block.key().to_owned(),
        expression: string(block.property("when")).unwrap_or_default(),
        hold: block.property("for").and_then(Spanned::duration).unwrap_or(Duration(300)),
        severity: string(block.property("severity")).unwrap_or_else(|| "warning".to_owned()),
        summary: string(block.value("summary")).unwrap_or_else(|| block.key().to_owned()),
        description: string(block.value("description")),
        span: block.key_span(),
    }
}

pub fn dashboard(block: &Block<'_>, sources: &Sources, diagnostics: &mut Diagnostics) -> Dashboard {
    let template = block.property("from").and_then(|from| {
        let path = format!("modules/{}", from.text()?);
        let found = sources.find(Layer::Site, &path);
        if found.is_none() {
            let boards = sources
                .files()
                .filter(|(_, file)| file.layer == Layer::Site && file.path.contains(".json"));
            let files = boards.filter_map(|(_, file)| file.path.strip_prefix("modules/"));
            names::unknown(
                &codes::UNKNOWN_NAME,
                "dashboard file",
                from.text()?,
                from,
                files,
                diagnostics,
            );
        }
        Some(TemplateId { file: found?, name: path })
    });
    if block.property("from").is_none() && block.property("id").is_none() {
        diagnostics.push(
            Diagnostic::new(
                &crate::decl::codes::MISSING_VALUE,
                block.span,
                format!("dashboard `{}` does not say where it is", block.key()),
            )
            .help(
                "add `from=\"FILE.json\"`, a file below `modules/`, or `id=`, its id on \
                 grafana.com",
            ),
        );
    }
    Dashboard {
        name: block.key().to_owned(),
        id: block.property("id").and_then(Spanned::number),
        revision: block.property("revision").and_then(Spanned::number),
        sha256: string(block.property("sha256")),
        template,
        span: block.key_span(),
    }
}
