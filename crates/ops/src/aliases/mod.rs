//! Aliases: names that point to keys.

mod create_alias;
mod delete_alias;
mod list_aliases;
mod update_alias;

pub use create_alias::CreateAlias;
pub use delete_alias::DeleteAlias;
pub use list_aliases::ListAliases;
pub use update_alias::UpdateAlias;

use keystead_types::{AliasName, Fault, FaultKind};

/// An alias name that callers may manage.
///
/// Errors: ValidationException for a wrong prefix or character, InvalidAliasNameException for
/// names that belong to AWS managed keys.
fn checked_name(text: &str) -> Result<AliasName, Fault> {
    if !text.starts_with(AliasName::PREFIX) {
        return Err(Fault::validation(
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ));
    }
    let name = AliasName::parse(text).map_err(|_| {
        Fault::validation(format!("{text} contains invalid characters for an alias"))
    })?;
    if name.is_reserved() {
        return Err(Fault::new(
            FaultKind::InvalidAliasName,
            format!(
                "{name} starts with the reserved prefix {}",
                AliasName::RESERVED_PREFIX
            ),
        ));
    }
    Ok(name)
}

/// Refuses an alias where the key is meant.
fn refuse_alias_target(text: &str) -> Result<(), Fault> {
    let resource = text.rsplit(':').next().unwrap_or_default();
    if resource.starts_with(AliasName::PREFIX) {
        return Err(Fault::validation("Aliases must refer to keys. Not aliases"));
    }
    Ok(())
}
