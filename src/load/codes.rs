//! The codes of what can't be read as a lab.

use crate::diag::codes;

codes::define! {
    pub LAB_WITHOUT_LAB_KDL = "lab-without-lab-kdl", Error, "the folder has no `lab.kdl`";
    pub SOURCE_UNREADABLE = "source-unreadable", Error, "a file or folder of the lab can't be read";
    pub SOURCE_CHANGED_WHILE_READ = "source-changed-while-read", Error,
        "a file of the lab changed while the lab was read";
    pub SOURCE_NOT_A_FILE = "source-not-a-file", Error,
        "something named like a source is a pipe, a socket or a device";
    pub SOURCE_NOT_TEXT = "source-not-text", Error, "a source is not UTF-8 text";
    pub SOURCE_TOO_LARGE = "source-too-large", Error,
        "a source is larger than 16 MiB, or there are too many";
    pub SOURCE_NAME_NOT_PORTABLE = "source-name-not-portable", Error,
        "the name of a source can't be the same on every machine";
    pub SOURCE_NAMES_COLLIDE = "source-names-collide", Error,
        "two sources differ only by the case of their names";
    pub LINK_LEAVES_LAB = "link-leaves-lab", Error,
        "a link leads to something that does not belong to the lab";
    pub FOLDER_READ_TWICE = "folder-read-twice", Error, "links make a folder part of the lab twice";
}
