//! A table over all operations: the root user may, a user without policies may not, wrong input is
//! told, and everything is in the audit log.

use keystead_api::iam::Operation;

use crate::support::{ALLOW_ALL, World, encoded};

/// A role that trusts the account.
pub(crate) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}"#;

const POLICY: &str = "arn:aws:iam::111122223333:policy/p";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/id.example.com";

/// What the table finds: a user u with a policy and in no group, a group g, a role r, a managed
/// policy p with two versions, a provider, an alias.
async fn furnished() -> World {
    let world = World::new().await;
    let (all, trust) = (encoded(ALLOW_ALL), encoded(TRUST));
    for form in [
        "CreateUser&UserName=u".to_owned(),
        format!("PutUserPolicy&UserName=u&PolicyName=i&PolicyDocument={all}"),
        "CreateGroup&GroupName=g".to_owned(),
        format!("PutGroupPolicy&GroupName=g&PolicyName=i&PolicyDocument={all}"),
        format!("CreateRole&RoleName=r&AssumeRolePolicyDocument={trust}"),
        format!("PutRolePolicy&RoleName=r&PolicyName=i&PolicyDocument={all}"),
        format!("CreatePolicy&PolicyName=p&PolicyDocument={all}"),
        format!("CreatePolicyVersion&PolicyArn={POLICY}&PolicyDocument={all}"),
        "CreateOpenIDConnectProvider&Url=https%3A%2F%2Fid.example.com".to_owned(),
        "CreateAccountAlias&AccountAlias=example".to_owned(),
        format!("AttachUserPolicy&UserName=u&PolicyArn={POLICY}"),
        format!("AttachGroupPolicy&GroupName=g&PolicyArn={POLICY}"),
        format!("AttachRolePolicy&RoleName=r&PolicyArn={POLICY}"),
        "CreateUser&UserName=empty".to_owned(),
        "CreateGroup&GroupName=empty".to_owned(),
        format!("CreateRole&RoleName=empty&AssumeRolePolicyDocument={trust}"),
        format!("CreatePolicy&PolicyName=empty&PolicyDocument={all}"),
    ] {
        world.ok(&form).await;
    }
    world
}

/// Parameters with which the root user's call succeeds in the furnished world.
fn good(operation: Operation) -> String {
    use Operation as O;
    let (all, trust) = (encoded(ALLOW_ALL), encoded(TRUST));
    let empty = "arn:aws:iam::111122223333:policy/empty";
    let user = "arn:aws:iam::111122223333:user/u";
    let tag = "Tags.member.1.Key=k&Tags.member.1.Value=v";
    let oidc = format!("OpenIDConnectProviderArn={PROVIDER}");
    match operation {
        O::AddUserToGroup | O::RemoveUserFromGroup => "UserName=u&GroupName=g".to_owned(),
        O::AttachGroupPolicy => {
            "GroupName=empty&PolicyArn=arn:aws:iam::aws:policy/PowerUserAccess".to_owned()
        }
        O::AttachRolePolicy => {
            "RoleName=empty&PolicyArn=arn:aws:iam::aws:policy/PowerUserAccess".to_owned()
        }
        O::AttachUserPolicy => {
            "UserName=empty&PolicyArn=arn:aws:iam::aws:policy/PowerUserAccess".to_owned()
        }
        O::CreateAccessKey
        | O::GetUser
        | O::ListAccessKeys
        | O::ListGroupsForUser
        | O::ListUserPolicies
        | O::ListUserTags
        | O::ListAttachedUserPolicies
        | O::DeleteUserPermissionsBoundary => "UserName=u".to_owned(),
        O::CreateAccountAlias => "AccountAlias=another".to_owned(),
        O::CreateGroup => "GroupName=new".to_owned(),
        O::CreateOpenIDConnectProvider => "Url=https%3A%2F%2Fother.example.com".to_owned(),
        O::CreatePolicy => format!("PolicyName=new&PolicyDocument={all}"),
        O::CreatePolicyVersion => format!("PolicyArn={POLICY}&PolicyDocument={all}"),
        O::CreateRole => format!("RoleName=new&AssumeRolePolicyDocument={trust}"),
        O::CreateUser => "UserName=new".to_owned(),
        O::DeleteAccountAlias => "AccountAlias=example".to_owned(),
        O::DeleteGroup => "GroupName=empty".to_owned(),
        O::DeleteGroupPolicy | O::GetGroupPolicy => "GroupName=g&PolicyName=i".to_owned(),
        O::DeletePolicy => format!("PolicyArn={empty}"),
        O::DeletePolicyVersion | O::SetDefaultPolicyVersion | O::GetPolicyVersion => {
            format!("PolicyArn={POLICY}&VersionId=v2")
        }
        O::DeleteRole => "RoleName=empty".to_owned(),
        O::DeleteRolePolicy | O::GetRolePolicy => "RoleName=r&PolicyName=i".to_owned(),
        O::DeleteUser => "UserName=empty".to_owned(),
        O::DeleteUserPolicy | O::GetUserPolicy => "UserName=u&PolicyName=i".to_owned(),
        O::DetachGroupPolicy => format!("GroupName=g&PolicyArn={POLICY}"),
        O::DetachRolePolicy => format!("RoleName=r&PolicyArn={POLICY}"),
        O::DetachUserPolicy => format!("UserName=u&PolicyArn={POLICY}"),
        O::GetAccountSummary
        | O::ListAccountAliases
        | O::ListGroups
        | O::ListOpenIDConnectProviders
        | O::ListPolicies
        | O::ListRoles
        | O::ListUsers => String::new(),
        O::GetContextKeysForCustomPolicy => format!("PolicyInputList.member.1={all}"),
        O::GetContextKeysForPrincipalPolicy => format!("PolicySourceArn={user}"),
        O::GetGroup | O::ListGroupPolicies | O::ListAttachedGroupPolicies | O::UpdateGroup => {
            "GroupName=g".to_owned()
        }
        O::DeleteOpenIDConnectProvider
        | O::GetOpenIDConnectProvider
        | O::ListOpenIDConnectProviderTags => oidc,
        O::GetPolicy | O::ListPolicyTags | O::ListPolicyVersions | O::ListEntitiesForPolicy => {
            format!("PolicyArn={POLICY}")
        }
        O::GetRole
        | O::ListInstanceProfilesForRole
        | O::ListRolePolicies
        | O::ListRoleTags
        | O::ListAttachedRolePolicies
        | O::UpdateRole
        | O::DeleteRolePermissionsBoundary => "RoleName=r".to_owned(),
        O::ListPoliciesGrantingServiceAccess => {
            format!("Arn={user}&ServiceNamespaces.member.1=kms")
        }
        O::PutGroupPolicy => format!("GroupName=g&PolicyName=n&PolicyDocument={all}"),
        O::PutRolePermissionsBoundary => format!("RoleName=r&PermissionsBoundary={POLICY}"),
        O::PutRolePolicy => format!("RoleName=r&PolicyName=n&PolicyDocument={all}"),
        O::PutUserPermissionsBoundary => format!("UserName=u&PermissionsBoundary={POLICY}"),
        O::PutUserPolicy => format!("UserName=u&PolicyName=n&PolicyDocument={all}"),
        O::SimulateCustomPolicy => {
            format!("PolicyInputList.member.1={all}&ActionNames.member.1=kms:Encrypt")
        }
        O::SimulatePrincipalPolicy => {
            format!("PolicySourceArn={user}&ActionNames.member.1=kms:Encrypt")
        }
        O::AddClientIDToOpenIDConnectProvider | O::RemoveClientIDFromOpenIDConnectProvider => {
            format!("{oidc}&ClientID=cli")
        }
        O::TagOpenIDConnectProvider => format!("{oidc}&{tag}"),
        O::TagPolicy => format!("PolicyArn={POLICY}&{tag}"),
        O::TagRole => format!("RoleName=r&{tag}"),
        O::TagUser => format!("UserName=u&{tag}"),
        O::UntagOpenIDConnectProvider => format!("{oidc}&TagKeys.member.1=k"),
        O::UntagPolicy => format!("PolicyArn={POLICY}&TagKeys.member.1=k"),
        O::UntagRole => "RoleName=r&TagKeys.member.1=k".to_owned(),
        O::UntagUser => "UserName=u&TagKeys.member.1=k".to_owned(),
        O::UpdateAssumeRolePolicy => format!("RoleName=r&PolicyDocument={trust}"),
        O::UpdateOpenIDConnectProviderThumbprint => {
            format!("{oidc}&ThumbprintList.member.1={}", "ab".repeat(20))
        }
        O::UpdateRoleDescription => "RoleName=r&Description=d".to_owned(),
        O::UpdateUser => "UserName=u".to_owned(),
        // Prepared by the test: the id of a key is not known beforehand.
        O::DeleteAccessKey => "UserName=u&AccessKeyId=KEY".to_owned(),
        O::UpdateAccessKey => "UserName=u&AccessKeyId=KEY&Status=Inactive".to_owned(),
        O::GetAccessKeyLastUsed => "AccessKeyId=KEY".to_owned(),
        O::GetRoleTemplateVersion => "TemplateArn=arn:aws:iam::aws:role-template/x".to_owned(),
    }
}

async fn form(world: &World, operation: Operation) -> String {
    let mut parameters = good(operation);
    if parameters.contains("KEY") {
        let xml = world.ok("CreateAccessKey&UserName=u").await;
        let id = crate::support::between(&xml, "<AccessKeyId>", "</AccessKeyId>").to_owned();
        parameters = parameters.replace("KEY", &id);
    }
    format!("{}&{parameters}", operation.as_str())
}

/// Operations that no account can have here.
fn is_offered(operation: Operation) -> bool {
    operation != Operation::GetRoleTemplateVersion
}

#[tokio::test]
async fn the_root_user_may_and_it_is_recorded() {
    for operation in Operation::ALL.iter().copied() {
        let world = furnished().await;
        let form = form(&world, operation).await;
        let name = operation.as_str();
        if !is_offered(operation) {
            assert_eq!(
                world.refused(&form).await.0,
                "UnsupportedOperationException"
            );
            continue;
        }
        let xml = world.ok(&form).await;
        assert!(xml.starts_with(&format!("<{name}Response xmlns=")), "{xml}");
        assert!(xml.contains("<RequestId>"), "{xml}");
        let record = world.last_record();
        assert!(
            record.contains(&format!(r#""eventName":"{name}""#)),
            "{record}"
        );
        assert!(
            record.contains(r#""eventSource":"iam.amazonaws.com""#),
            "{record}"
        );
        assert!(!record.contains("errorCode"), "{record}");
    }
}

#[tokio::test]
async fn a_user_without_policies_may_nothing_and_is_told_so() {
    let world = furnished().await;
    let nobody = world.user("nobody", "").await;
    for operation in Operation::ALL
        .iter()
        .copied()
        .filter(|one| is_offered(*one))
    {
        let form = match good(operation) {
            parameters if parameters.contains("KEY") => {
                form(&world, operation).await;
                let xml = world.ok("ListAccessKeys&UserName=u").await;
                let ids = crate::support::all(&xml, "AccessKeyId");
                let id = ids.first().unwrap().to_string();
                let form = format!("{}&{}", operation.as_str(), parameters.replace("KEY", &id));
                for id in ids {
                    world
                        .ok(&format!("DeleteAccessKey&UserName=u&AccessKeyId={id}"))
                        .await;
                }
                form
            }
            parameters => format!("{}&{parameters}", operation.as_str()),
        };
        let before = world.directory.world();
        let (code, text) = world.refused_to(&nobody, &form).await;
        let name = operation.as_str();
        let head = format!(
            "User: arn:aws:iam::111122223333:user/nobody is not authorized to perform: iam:{name} on resource: "
        );
        let tail = format!(" because no identity-based policy allows the iam:{name} action");
        assert_eq!(code, "AccessDenied", "{name}");
        assert!(text.starts_with(&head) && text.ends_with(&tail), "{text}");
        let record = world.last_record();
        assert!(record.contains(r#""errorCode":"AccessDenied"#), "{record}");
        assert!(
            std::sync::Arc::ptr_eq(&before, &world.directory.world()),
            "{name}"
        );
    }
}

/// Every operation with parameters that break the model: the text lists the violations.
#[tokio::test]
async fn wrong_input_is_told() {
    let world = furnished().await;
    let mut checked = 0;
    for operation in Operation::ALL
        .iter()
        .copied()
        .filter(|one| is_offered(*one))
    {
        let parameters = good(operation);
        // Marks the first parameter's value as one that no pattern of a name and no length of an
        // ARN allows.
        let Some((first, rest)) = parameters.split_once('=') else {
            continue;
        };
        let rest = rest.split_once('&').map_or("", |(_, rest)| rest);
        let first = first.trim_end_matches(".member.1").to_owned();
        let list = parameters.contains(&format!("{first}.member.1="));
        let value = if list { ".member.1=" } else { "=%7F" };
        let form = format!("{}&{first}{value}&{rest}", operation.as_str());
        if matches!(operation, Operation::CreateOpenIDConnectProvider) {
            // Any text may be a Url for the model; what it must look like, the operation says.
            assert_eq!(world.refused(&form).await.0, "InvalidInput");
            continue;
        }
        let (code, text) = world.refused(&form).await;
        assert_eq!(code, "ValidationError", "{form}: {text}");
        let about = [" validation error", "The specified value for "];
        assert!(
            about.iter().any(|about| text.contains(about)),
            "{form}: {text}"
        );
        checked += 1;
    }
    assert!(checked > 70, "{checked}");
}

#[tokio::test]
async fn unknown_operations_and_broken_forms_are_rejected() {
    let world = World::new().await;
    let root = world.root();
    for (body, code) in [
        ("Version=2010-05-08&Action=NoSuch", "InvalidAction"),
        ("Version=2010-05-08", "MissingAction"),
        ("Version=1999-01-01&Action=ListUsers", "InvalidAction"),
        (
            "Version=2010-05-08&Action=ListUsers&Action=ListRoles",
            "MalformedInput",
        ),
        ("%zz", "MalformedInput"),
    ] {
        let fault = world.send(Some(&root), body).await.unwrap_err();
        assert_eq!(fault.kind().in_query().0, code, "{body}");
    }
    let fault = world
        .send(None, "Version=2010-05-08&Action=ListUsers")
        .await
        .unwrap_err();
    assert_eq!(fault.kind().in_query().0, "MissingAuthenticationToken");
}
