//! Holds a lab that is resolved with what is known of another against the same lab resolved alone.

use labwright::compile::{Decoded, analyze};
use labwright::why::answer::Explainer;
use labwright::why::edit::{Edit, apply, in_place};

use super::{LABS, build, lab};

/// One of how many edits of a lab is made.
const STEP: usize = 401;

#[test]
fn a_service_that_is_used_again_is_as_if_it_were_made_anew() {
    let (mut faults, mut resolved) = (Vec::new(), 0);
    for name in LABS {
        let sources = lab(name);
        let (_, modules, _) = build(&sources);
        let explainer = Explainer::new(&sources, &modules);
        let decoded = Decoded::new(&sources, |module| modules.contains(module));
        let of_used = explainer.candidates().list.iter().filter(|candidate| {
            let file = sources.file(candidate.span.file);
            file.is_kdl() || modules.contains(file.folder())
        });
        let edits: Vec<&Vec<Edit>> = of_used.flat_map(|candidate| &candidate.edits).collect();
        for edits in edits.into_iter().step_by(STEP) {
            let mut edits = edits.clone();
            edits.sort();
            let (edited, files) = apply(&sources, &in_place(&sources, &edits));
            let again = decoded.analyze(&edited, &files);
            let alone = analyze(&edited);
            if alone.has_errors() || again.has_errors() {
                assert_eq!(alone.has_errors(), again.has_errors(), "{name}: {edits:?}");
                continue;
            }
            resolved += 1;
            if again.model != alone.model {
                faults.push(format!("{name}: {edits:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(resolved > 15, "only {resolved} labs were resolved");
}
