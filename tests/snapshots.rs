//! Compares snapshots in `snapshots/`, where reviewers look, rather than next to the tests.

/// Compares `content` with `snapshots/<folder>/<name>.snap`. `cargo insta review` or
/// `INSTA_UPDATE=always` accepts a change.
pub fn assert_snapshot(folder: &str, name: &str, content: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(folder),
    );
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, content));
}
