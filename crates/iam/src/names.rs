//! Paths, and small parts of answers.

use keystead_api::iam::model;
use keystead_store::records::PolicySet;
use keystead_types::{Fault, FaultKind};

use crate::limits::PATH_MAX_CHARS;
use crate::refusals;

/// The path of something new.
///
/// Errors: ValidationError when path and name together are too long for an ARN.
pub(crate) fn path(path: Option<&str>, name: &str) -> Result<String, Fault> {
    let path = path.unwrap_or("/");
    // The model lets slashes follow each other, which no ARN of a principal could name.
    if path.contains("//") {
        return Err(Fault::new(
            FaultKind::Validation,
            "The specified value for path is invalid. It must begin and end with / and contain \
             only alphanumeric characters and/or / characters.",
        ));
    }
    if path.len().saturating_add(name.len()) > PATH_MAX_CHARS {
        return Err(refusals::invalid("Path and name together are too long."));
    }
    Ok(path.to_owned())
}

/// A permissions boundary in an answer.
pub(crate) fn boundary(arn: &str) -> model::AttachedPermissionsBoundary {
    model::AttachedPermissionsBoundary {
        permissions_boundary_arn: Some(arn.to_owned()),
        permissions_boundary_type: Some(
            model::PermissionsBoundaryAttachmentType::PermissionsBoundaryPolicy,
        ),
    }
}

/// Errors: DeleteConflict.
pub(crate) fn must_have_no_policies(policies: &PolicySet) -> Result<(), Fault> {
    if !policies.attached.is_empty() {
        return Err(refusals::must_first("detach all policies"));
    }
    if !policies.inline.is_empty() {
        return Err(refusals::must_first("delete policies"));
    }
    Ok(())
}
