//! Names of files, and what the import reads them through.

/// The place that compose files are read from. The import itself touches no disk.
pub trait Files {
    /// Reads a text file, or says why it can't be read.
    fn read(&self, path: &str) -> Result<String, String>;

    /// Lists the files below a folder by their paths in it, sorted; nothing if there are more than
    /// `most`.
    fn below(&self, folder: &str, most: usize) -> Option<Vec<String>>;

    /// Says what a path leads to.
    fn kind(&self, path: &str) -> FileKind;
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing, or nothing that can be seen.
    Missing,
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Returns the folder that a file is in.
pub fn folder_of(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}

/// Returns a path without its folder.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns where a path leads that is written in a file of `folder`, without `.` and `..`.
pub fn join(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            // The folder above the root is the root.
            ".." if whole.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (whole.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Returns whether compose reads a mount's source as a path rather than as a volume's name.
pub fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~'])
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn joins_paths() {
        for (folder, path, wanted) in [
            ("/opt/stacks/a", "./data", "/opt/stacks/a/data"),
            ("/opt", "../../../x", "/x"),
            ("stacks", "../b/c.yml", "b/c.yml"),
            (".", ".", "."),
            ("a", "/srv/", "/srv"),
        ] {
            assert_eq!(join(folder, path), wanted);
        }
    }
}
