//! The findings of decoding and layering.

use crate::diag::codes;

codes::define! {
    pub UNKNOWN_NODE = "unknown-node", Error, "a node that does not exist here";
    pub UNKNOWN_PROPERTY = "unknown-property", Error, "a property that the node does not have";
    pub UNEXPECTED_ARGUMENT = "unexpected-argument", Error,
        "a node has more arguments than it takes";
    pub UNEXPECTED_CHILDREN = "unexpected-children", Error,
        "a children block on a node that takes none";
    pub MISSING_VALUE = "missing-value", Error, "something that the node must have is missing";
    pub WRONG_TYPE = "wrong-type", Error, "a value has another type than the schema says";
    pub WRONG_ANNOTATION = "wrong-annotation", Error,
        "a type annotation that the place does not allow";
    pub DUPLICATE_PROPERTY = "duplicate-property", Error, "one property is written twice in a node";
    pub DUPLICATE_VALUE = "duplicate-value", Error, "a list has the same value twice";
    pub DUPLICATE_NODE = "duplicate-node", Error,
        "a node is written twice where only one is allowed";
    pub DUPLICATE_NAME = "duplicate-name", Error, "two entities have the same name";
    pub CONFLICTING_VALUES = "conflicting-values", Error,
        "two places give different values, and neither is stronger";
    pub FORCE_WITHOUT_REASON = "force-without-reason", Error, "`(force)` without `reason`";
    pub EXTEND_WITHOUT_TARGET = "extend-without-target", Error,
        "`extend` names an entity that does not exist";
    pub UNKNOWN_PROFILE_TARGET = "profile-without-target", Error,
        "a profile names a machine or tag that does not exist, or a profile that does not exist \
         is selected";
    pub LAB_MISSING = "lab-missing", Error, "the folder has no `lab` node, or several";
    pub UNKNOWN_EDITION = "unknown-edition", Error,
        "an edition of the language that this labwright does not know";
}
