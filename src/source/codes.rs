//! The codes of what can't be read as a lab.

use crate::diag::codes;

codes::define! {
    /// Says that the folder is no lab.
    pub LAB_WITHOUT_LAB_KDL = "lab-without-lab-kdl", Error, "the folder has no `lab.kdl`",
        "A lab is a folder with a `lab.kdl`; that file says where the lab begins, so that a build started in the wrong folder reads \
     nothing by accident.\n\nName the folder (`labwright check path/to/lab`), or write a `lab.kdl` in this one; README.md shows a first lab.\n";

    /// Says that the system does not let the file be read.
    pub SOURCE_UNREADABLE = "source-unreadable", Error, "a file or folder of the lab can't be read",
        "Every `*.kdl` file below the lab's folder, and every file below its `modules/`, is part of the lab. Leaving one out because it \
     can't be read would build another lab, so nothing is built.\n\nMake it readable, or move it out of the lab's folder.\n";

    /// Says that the lab changed between the first and the last look at it.
    pub SOURCE_CHANGED_WHILE_READ = "source-changed-while-read", Error, "a file of the lab changed while the lab was read",
        "An editor, a checkout or a sync wrote to the lab in the meantime. What was read may be half old and half new, so nothing is \
     built.\n\nRun the command again once the folder is at rest.\n";

    /// Says that a name that should be a file's is something else's.
    pub SOURCE_NOT_A_FILE = "source-not-a-file", Error, "what is named like a source is a pipe, a socket or a device",
        "Only regular files and links to them are read. Reading a pipe or a device could wait for ever.\n\nRemove it, or move it out of \
     the lab's folder.\n";

    /// Says that a file is not UTF-8.
    pub SOURCE_NOT_TEXT = "source-not-text", Error, "a source is not UTF-8 text",
        "KDL and templates are UTF-8. An editor that saved the file as Latin-1 or UTF-16, or a binary file below `modules/`, raises \
     this.\n\n```sh\niconv -f ISO-8859-1 -t UTF-8 services.kdl > converted && mv converted services.kdl\n```\n\nA file that is no \
     text belongs outside `modules/`.\n";

    /// Says that a file is larger than any source should be.
    pub SOURCE_TOO_LARGE = "source-too-large", Error, "a source is larger than 16 MiB",
        "A lab of a thousand machines is a few megabytes of KDL. A file of more than 16 MiB is something else under a source's \
     name.\n\nMove it out of the lab's folder, or split it.\n";

    /// Says that a name can't be written on some other machine.
    pub SOURCE_NAME_NOT_PORTABLE = "source-name-not-portable", Error, "the name of a source can't be the same on every machine",
        "A release lists every file it was made from, so each name has to be text that every system can hold: UTF-8, no control \
     character, no `\\`. A source ends in `.kdl` in lower case; `Lab.KDL` is read on some systems and not on \
     others.\n\nRename the file.\n";

    /// Says that two names are one on some file systems.
    pub SOURCE_NAMES_COLLIDE = "source-names-collide", Error, "two sources differ only by the case of their names",
        "On a file system that does not tell upper from lower case, one of the two replaces the other, and the lab builds something \
     else there.\n\nRename one of them.\n";

    /// Says that links lead to a folder that is read already.
    pub FOLDER_READ_TWICE = "folder-read-twice", Error, "links make a folder part of the lab twice",
        "A link to a folder that holds it leads round in circles; a link to another folder of the lab declares everything in it \
     twice.\n\nRemove the link.\n";
}
