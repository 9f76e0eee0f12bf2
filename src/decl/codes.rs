//! The findings of decoding and layering.

use crate::diag::codes;

codes::define! {
    /// A node that the language does not have.
    pub UNKNOWN_NODE = "unknown-node", Error, "a node that does not exist here",
        "Every node has its place. `labwright` knows what may stand where and tells the nearest name.\n\n```kdl\nvm media id=100 on=pve { memori \"4GiB\"; }\n```\n\nWrite `memory`.";
    /// A property that the node does not have.
    pub UNKNOWN_PROPERTY = "unknown-property", Error, "a property that the node does not have",
        "A property that nobody reads would be silently lost, so it is an error.\n\n```kdl\nnetwork lan cird=\"192.168.1.0/24\"\n```\n\nWrite `cidr`.";
    /// An argument too many.
    pub UNEXPECTED_ARGUMENT = "unexpected-argument", Error, "an argument more than the node takes",
        "Argument 0 of a node is its name or its single value; the rest are properties.\n\n```kdl\ncores 2 4\n```\n\nWrite one value.";
    /// A block of children where there is none.
    pub UNEXPECTED_CHILDREN = "unexpected-children", Error, "a children block where the node has none",
        "A block in braces opens children. `a ${b}` does too: `$` is then a value and `{b}` a block. Quote the text.\n\n```kdl\ndomain ${name}\n```\n\nWrite `domain \"…\"`.";
    /// An argument, property or child that must be there.
    pub MISSING_VALUE = "missing-value", Error, "something that the node must have is not there",
        "The reference says for each node what it must have: an argument, a property or a child.\n\n```kdl\nvm media on=pve\n```\n\nAdd `id=100`.";
    /// A value of another type.
    pub WRONG_TYPE = "wrong-type", Error, "a value of another type than the schema says",
        "Values are read as the type that the schema gives them. KDL itself turns `1.10` into the number 1.1 and `0755` into 755, so versions and modes are quoted.\n\n```kdl\nmemory 4\n```\n\nWrite `memory \"4GiB\"`.";
    /// An annotation that contradicts the schema.
    pub WRONG_ANNOTATION = "wrong-annotation", Error, "a type annotation that the place does not allow",
        "A value may carry its type: `(size)\"4GiB\"`. Where the schema knows the type, another annotation is an error. `(ref)`, `(f)` and `(expr)` mean something inside modules and option values only.";
    /// A property written twice.
    pub DUPLICATE_PROPERTY = "duplicate-property", Error, "one property is written twice in a node",
        "KDL lets the last one win without a word. `labwright` does not.\n\n```kdl\ndisk root size=\"20GiB\" size=\"40GiB\"\n```\n\nKeep one.";
    /// A node twice where one may stand.
    pub DUPLICATE_NODE = "duplicate-node", Error, "a node stands twice where one may",
        "Two nodes of one meaning can't both be right.\n\n```kdl\nvm a id=100 on=pve { cores 2; cores 4; }\n```\n\nKeep one.";
    /// An entity declared twice.
    pub DUPLICATE_NAME = "duplicate-name", Error, "two entities have the same name",
        "Names are how a lab refers to its parts: hosts, VMs and LXCs share one set of names, every other kind has its own. To add to an entity from a second place, use `extend`.";
    /// Two values of equal rank that disagree.
    pub CONFLICTING_VALUES = "conflicting-values", Error, "two places give different values, and neither is stronger",
        "What several places say of an entity is joined. `(default)` gives way, `(force)` wins, an entity wins over a profile. Two equal ones that disagree are a mistake in one of the places.\n\n```kdl\nvm a id=100 on=pve { memory \"4GiB\"; }\nextend vm a { memory \"8GiB\"; }\n```\n\nWrite `(force)memory \"8GiB\" reason=\"…\"` in the `extend`, or change the entity.";
    /// A force without a reason.
    pub FORCE_WITHOUT_REASON = "force-without-reason", Error, "`(force)` without `reason`",
        "A forced value hides another one. Its reason is for whoever reads that one.\n\n```kdl\nextend vm a { (force)memory \"8GiB\"; }\n```\n\nWrite `(force)memory \"8GiB\" reason=\"the new module is in\"`.";
    /// An extend of nothing.
    pub EXTEND_WITHOUT_TARGET = "extend-without-target", Error, "`extend` names an entity that does not exist",
        "`extend` adds to an entity that is declared elsewhere; it does not declare one.";
    /// A profile that does nothing.
    pub UNKNOWN_PROFILE_TARGET = "profile-without-target", Error, "a profile names a machine or tag that does not exist, or a profile that does not exist is selected",
        "A profile's machine settings go to the machines named in `on=` and those that carry one of the tags of `tagged=`; `select` in `lab` names profiles.";
    /// No lab at all.
    pub LAB_MISSING = "lab-missing", Error, "the folder has no `lab` node, or several",
        "A lab is a folder with a `lab.kdl` that names it once:\n\n```kdl\nedition 1\nlab home version=\"2026.1\"\n```";
    /// An edition that this compiler does not know.
    pub UNKNOWN_EDITION = "unknown-edition", Error, "an edition of the language that this labwright does not know",
        "The edition says which rules a lab is written by, so that a newer labwright reads it the same. Edition 1 is the only one so far.";
}
