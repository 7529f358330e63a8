//! Who may manage identities: policies, conditions, boundaries, sessions; and that changes count
//! at once.

use std::sync::Arc;

use keystead_identity::{Bearer, Guardrails, MemberAccount, Organization, Organizations, Unit};
use keystead_policy::{NamedPolicy, Policy, PolicyKind};
use keystead_types::{Caller, Principal, SessionContext, Timestamp};

use crate::every_operation::TRUST;
use crate::support::{ACCOUNT, ALLOW_ALL, World, between, encoded};

fn allow(action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{action},"Resource":{resource}{condition}}}]}}"#
    )
}

#[tokio::test]
async fn policies_of_users_groups_and_boundaries_decide() {
    let world = World::new().await;
    let document = allow(
        r#""iam:CreateUser""#,
        r#""arn:aws:iam::111122223333:user/team/*""#,
        "",
    );
    let admin = world.user("admin", &document).await;
    world
        .ask(&admin, "CreateUser&UserName=a&Path=%2Fteam%2F")
        .await
        .unwrap();
    let (code, text) = world.refused_to(&admin, "CreateUser&UserName=b").await;
    assert_eq!(code, "AccessDenied");
    assert_eq!(
        text,
        "User: arn:aws:iam::111122223333:user/admin is not authorized to perform: iam:CreateUser \
         on resource: arn:aws:iam::111122223333:user/b because no identity-based policy allows \
         the iam:CreateUser action"
    );
    // Tags need a permission of their own.
    let tagged = "CreateUser&UserName=c&Path=%2Fteam%2F&Tags.member.1.Key=k&Tags.member.1.Value=v";
    let (_, text) = world.refused_to(&admin, tagged).await;
    assert!(text.contains("iam:TagUser"), "{text}");
    // A group's Deny wins.
    world.ok("CreateGroup&GroupName=g").await;
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;
    world
        .ok(&format!(
            "PutGroupPolicy&GroupName=g&PolicyName=d&PolicyDocument={}",
            encoded(deny)
        ))
        .await;
    world.ok("AddUserToGroup&GroupName=g&UserName=admin").await;
    let (_, text) = world
        .refused_to(&admin, "CreateUser&UserName=d&Path=%2Fteam%2F")
        .await;
    assert!(
        text.ends_with("with an explicit deny in an identity-based policy"),
        "{text}"
    );
    world
        .ok("RemoveUserFromGroup&GroupName=g&UserName=admin")
        .await;
    world
        .ask(&admin, "CreateUser&UserName=d&Path=%2Fteam%2F")
        .await
        .unwrap();
    // A boundary limits what policies allow.
    let nothing = allow(r#""kms:*""#, r#""*""#, "");
    world
        .ok(&format!(
            "CreatePolicy&PolicyName=limit&PolicyDocument={}",
            encoded(&nothing)
        ))
        .await;
    let limit = "arn:aws:iam::111122223333:policy/limit";
    world
        .ok(&format!(
            "PutUserPermissionsBoundary&UserName=admin&PermissionsBoundary={limit}"
        ))
        .await;
    let (_, text) = world
        .refused_to(&admin, "CreateUser&UserName=e&Path=%2Fteam%2F")
        .await;
    assert!(
        text.ends_with("because no permissions boundary allows the iam:CreateUser action"),
        "{text}"
    );
    let shown = world.ok("GetUser&UserName=admin").await;
    assert_eq!(
        between(
            &shown,
            "<PermissionsBoundaryArn>",
            "</PermissionsBoundaryArn>"
        ),
        limit
    );
    world
        .ok("DeleteUserPermissionsBoundary&UserName=admin")
        .await;
    world
        .ask(&admin, "CreateUser&UserName=e&Path=%2Fteam%2F")
        .await
        .unwrap();
}

#[tokio::test]
async fn condition_keys_of_iam() {
    let world = World::new().await;
    let attach = allow(
        r#""iam:AttachUserPolicy""#,
        r#""*""#,
        r#","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/IAMReadOnlyAccess"}}"#,
    );
    let one = world.user("one", &attach).await;
    world.ok("CreateUser&UserName=u").await;
    let form = |policy: &str| {
        format!("AttachUserPolicy&UserName=u&PolicyArn=arn:aws:iam::aws:policy/{policy}")
    };
    world.ask(&one, &form("IAMReadOnlyAccess")).await.unwrap();
    assert_eq!(
        world.refused_to(&one, &form("AdministratorAccess")).await.0,
        "AccessDenied"
    );

    let bounded = allow(
        r#"["iam:CreateUser","iam:PutUserPolicy"]"#,
        r#""*""#,
        r#","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::aws:policy/PowerUserAccess"}}"#,
    );
    let two = world.user("two", &bounded).await;
    assert_eq!(
        world.refused_to(&two, "CreateUser&UserName=v").await.0,
        "AccessDenied"
    );
    let boundary = "PermissionsBoundary=arn:aws:iam::aws:policy/PowerUserAccess";
    world
        .ask(&two, &format!("CreateUser&UserName=v&{boundary}"))
        .await
        .unwrap();
    let put = |user: &str| {
        format!(
            "PutUserPolicy&UserName={user}&PolicyName=p&PolicyDocument={}",
            encoded(ALLOW_ALL)
        )
    };
    world.ask(&two, &put("v")).await.unwrap();
    assert_eq!(world.refused_to(&two, &put("u")).await.0, "AccessDenied");

    let tagged = allow(
        r#"["iam:DeleteUser","iam:TagUser"]"#,
        r#""*""#,
        r#","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}"#,
    );
    let three = world.user("three", &tagged).await;
    world.ok("CreateUser&UserName=w").await;
    assert_eq!(
        world.refused_to(&three, "DeleteUser&UserName=w").await.0,
        "AccessDenied"
    );
    world
        .ok("TagUser&UserName=w&Tags.member.1.Key=team&Tags.member.1.Value=blue")
        .await;
    world.ask(&three, "DeleteUser&UserName=w").await.unwrap();

    let keys = allow(
        r#""iam:TagUser""#,
        r#""*""#,
        r#","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["cost"]},"StringEquals":{"aws:RequestTag/cost":"1"}}"#,
    );
    let four = world.user("four", &keys).await;
    let tag = |key: &str, value: &str| {
        format!("TagUser&UserName=u&Tags.member.1.Key={key}&Tags.member.1.Value={value}")
    };
    world.ask(&four, &tag("cost", "1")).await.unwrap();
    assert_eq!(
        world.refused_to(&four, &tag("cost", "2")).await.0,
        "AccessDenied"
    );
    assert_eq!(
        world.refused_to(&four, &tag("team", "1")).await.0,
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_path_cannot_be_entered_by_renaming() {
    let world = World::new().await;
    let document = allow(
        r#""iam:UpdateUser""#,
        r#""arn:aws:iam::111122223333:user/low/*""#,
        "",
    );
    let helper = world.user("helper", &document).await;
    world.ok("CreateUser&UserName=u&Path=%2Flow%2F").await;
    world
        .ask(&helper, "UpdateUser&UserName=u&NewUserName=v")
        .await
        .unwrap();
    let (code, _) = world
        .refused_to(&helper, "UpdateUser&UserName=v&NewPath=%2Fadmins%2F")
        .await;
    assert_eq!(code, "AccessDenied");
}

fn session(
    principal: Principal,
    unique_id: Option<&str>,
    edit: impl FnOnce(&mut SessionContext),
) -> Arc<Bearer> {
    let account = keystead_types::AccountId::parse(ACCOUNT).unwrap();
    let issued = Timestamp::from_millis(1_795_341_600_000);
    let mut context = SessionContext::plain(issued, issued.plus_millis(3_600_000));
    edit(&mut context);
    Arc::new(Bearer::plain(Caller {
        principal,
        account,
        access_key_id: "ASIAXXXXXXXXXXXXXXXX".into(),
        unique_id: unique_id.map(Into::into),
        session: Some(Arc::new(context)),
    }))
}

#[tokio::test]
async fn sessions_that_may_not_manage_identities() {
    let world = World::new().await;
    world.user("alice", ALLOW_ALL).await;
    world
        .ok(&format!(
            "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
            encoded(TRUST)
        ))
        .await;
    world
        .ok(&format!(
            "PutRolePolicy&RoleName=r&PolicyName=p&PolicyDocument={}",
            encoded(ALLOW_ALL)
        ))
        .await;
    let account = keystead_types::AccountId::parse(ACCOUNT).unwrap();
    let snapshot = world.directory.world();
    let alice_id = snapshot
        .account(account)
        .user("alice")
        .unwrap()
        .record
        .unique_id
        .clone();
    let role_id = snapshot
        .account(account)
        .role("r")
        .unwrap()
        .record
        .unique_id
        .clone();
    let alice = || Principal::User {
        account,
        name: "alice".into(),
    };
    let role = || Principal::RoleSession {
        account,
        role: "r".into(),
        session: "s".into(),
    };
    let invalid = |refused: (String, String)| assert_eq!(refused.0, "InvalidClientTokenId");

    let of_role = session(role(), Some(&role_id), |_| {});
    world.ask(&of_role, "ListUsers").await.unwrap();
    let token = session(alice(), Some(&alice_id), |_| {});
    invalid(world.refused_to(&token, "ListUsers").await);
    let with_mfa = session(alice(), Some(&alice_id), |context| {
        context.mfa_at = Some(context.issued)
    });
    world.ask(&with_mfa, "ListUsers").await.unwrap();
    let federated = session(
        Principal::FederatedUser {
            account,
            name: "f".into(),
        },
        None,
        |_| {},
    );
    invalid(world.refused_to(&federated, "ListUsers").await);
    let forwarded = session(role(), Some(&role_id), |context| {
        context.via.push("s3.amazonaws.com".into())
    });
    invalid(world.refused_to(&forwarded, "ListUsers").await);
    // A namesake of a deleted role is another one.
    let former = session(role(), Some("AROAXXXXXXXXXXXXXXXXX"), |_| {});
    invalid(world.refused_to(&former, "ListUsers").await);
    let nobody = session(
        Principal::Service {
            name: "s3.amazonaws.com".into(),
        },
        None,
        |_| {},
    );
    assert_eq!(
        world.refused_to(&nobody, "ListUsers").await.0,
        "AccessDenied"
    );
}

#[tokio::test]
async fn a_denial_explains_itself() {
    let world = World::new().await;
    let document = allow(
        r#""iam:ListUsers""#,
        r#""*""#,
        r#","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}"#,
    );
    let user = world.user("u", &document).await;
    let fault = world.ask(&user, "ListUsers").await.unwrap_err();
    let sealed = fault.authorization_message().unwrap();
    let opened = world
        .directory
        .open_message(user.caller.account, sealed)
        .unwrap();
    let opened = String::from_utf8(opened).unwrap();
    assert!(
        opened.contains("iam:ListUsers") && opened.contains("aws:SourceIp"),
        "{opened}"
    );
    let record = world.last_record();
    assert!(
        record.contains("\"authorization\"") && record.contains("198.51.100.0/24"),
        "{record}"
    );
    // What is allowed says by what.
    let root_like = world.user("v", ALLOW_ALL).await;
    world.ask(&root_like, "ListUsers").await.unwrap();
    assert!(
        world.last_record().contains(r#""outcome":"applies""#),
        "{}",
        world.last_record()
    );
}

#[tokio::test]
async fn a_deleted_user_is_out_at_once() {
    let world = World::new().await;
    let user = world.user("u", ALLOW_ALL).await;
    world.ask(&user, "ListUsers").await.unwrap();
    world.ok("DeleteUserPolicy&UserName=u&PolicyName=own").await;
    assert_eq!(world.refused_to(&user, "ListUsers").await.0, "AccessDenied");
    let key = user.caller.access_key_id.clone();
    world
        .ok(&format!("DeleteAccessKey&UserName=u&AccessKeyId={key}"))
        .await;
    world.ok("DeleteUser&UserName=u").await;
    assert!(world.found(&key).is_none());
    world.user("u", ALLOW_ALL).await;
    // The old credential, had it been verified before, is not the new namesake's.
    assert_eq!(
        world.refused_to(&user, "ListUsers").await.0,
        "InvalidClientTokenId"
    );
}

fn organization() -> Organizations {
    let guard = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}]}"#;
    let guard = NamedPolicy {
        name: "arn:aws:organizations::999999999999:policy/o-a1b2c3d4e5/service_control_policy/p-1"
            .into(),
        policy: Arc::new(Policy::compile(PolicyKind::ServiceControl, guard).unwrap()),
    };
    let account = |text: &str| keystead_types::AccountId::parse(text).unwrap();
    Organizations::new(&[Organization {
        id: "o-a1b2c3d4e5".into(),
        management_account: account("999999999999"),
        root: Unit {
            id: "r-ab12".into(),
            guardrails: Guardrails::default(),
            accounts: vec![
                MemberAccount {
                    account: account("999999999999"),
                    guardrails: Guardrails::default(),
                },
                MemberAccount {
                    account: account(ACCOUNT),
                    guardrails: Guardrails {
                        service_control: vec![guard],
                        ..Guardrails::default()
                    },
                },
            ],
            units: Vec::new(),
        },
    }])
    .unwrap()
}

#[tokio::test]
async fn guardrails_hold_for_the_root_user_too() {
    let world = World::of(organization()).await;
    let (code, text) = world.refused("CreateUser&UserName=u").await;
    assert_eq!(code, "AccessDenied");
    assert!(
        text.starts_with("User: arn:aws:iam::111122223333:root is not authorized"),
        "{text}"
    );
    assert!(
        text.contains("with an explicit deny in a service control policy: arn:aws:organizations::"),
        "{text}"
    );
    world.ok("CreateGroup&GroupName=g").await;
    // Another account is not of the organisation.
    let other = crate::support::root_of(crate::support::OTHER);
    world.ask(&other, "CreateUser&UserName=u").await.unwrap();
    let source = "PolicySourceArn=arn:aws:iam::111122223333:group/g";
    let form = format!("SimulatePrincipalPolicy&{source}&ActionNames.member.1=iam:CreateUser");
    let xml = world.ok(&form).await;
    assert!(
        xml.contains("<EvalDecision>explicitDeny</EvalDecision>"),
        "{xml}"
    );
    assert!(
        xml.contains("<AllowedByOrganizations>false</AllowedByOrganizations>"),
        "{xml}"
    );
}

#[tokio::test]
async fn session_policies_limit_what_a_role_may() {
    let world = World::new().await;
    world
        .ok(&format!(
            "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
            encoded(TRUST)
        ))
        .await;
    world
        .ok(&format!(
            "PutRolePolicy&RoleName=r&PolicyName=p&PolicyDocument={}",
            encoded(ALLOW_ALL)
        ))
        .await;
    let account = keystead_types::AccountId::parse(ACCOUNT).unwrap();
    let id = world
        .directory
        .world()
        .account(account)
        .role("r")
        .unwrap()
        .record
        .unique_id
        .clone();
    let principal = Principal::RoleSession {
        account,
        role: "r".into(),
        session: "s".into(),
    };
    let whole = session(principal, Some(&id), |_| {});
    let limit = allow(r#""iam:ListUsers""#, r#""*""#, "");
    let limit = NamedPolicy {
        name: "session".into(),
        policy: Arc::new(Policy::compile(PolicyKind::Identity, &limit).unwrap()),
    };
    let limited = Arc::new(Bearer {
        session_policies: Some(vec![limit].into()),
        ..(*whole).clone()
    });
    world.ask(&limited, "ListUsers").await.unwrap();
    world.ask(&whole, "ListRoles").await.unwrap();
    let (_, text) = world.refused_to(&limited, "ListRoles").await;
    assert!(
        text.ends_with("because no session policy allows the iam:ListRoles action"),
        "{text}"
    );
}

#[tokio::test]
async fn the_region_that_clients_sign_for_does_not_count() {
    let world = World::new().await;
    let inside = |region: &str| {
        let only =
            format!(r#","Condition":{{"StringEquals":{{"aws:RequestedRegion":"{region}"}}}}"#);
        allow(r#""iam:ListUsers""#, r#""*""#, &only)
    };
    let home = world.user("home", &inside("eu-central-1")).await;
    let global = world.user("global", &inside("us-east-1")).await;
    assert_eq!(world.refused_to(&home, "ListUsers").await.0, "AccessDenied");
    world.ask(&global, "ListUsers").await.unwrap();
    let record = world.last_record();
    assert!(record.contains(r#""awsRegion":"us-east-1""#), "{record}");
}

#[tokio::test]
async fn a_deny_on_a_provider_holds_for_every_spelling() {
    let world = World::new().await;
    world
        .ok("CreateOpenIDConnectProvider&Url=https%3A%2F%2Fid.example.com%2FRealm")
        .await;
    let arn = |url: &str| format!("arn:aws:iam::111122223333:oidc-provider/{url}");
    let (own, other) = (arn("id.example.com/Realm"), arn("ID.example.com/realm"));
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iam:*","Resource":"*"}},{{"Effect":"Deny","Action":"iam:*","Resource":"{own}"}}]}}"#
    );
    let admin = world.user("admin", &document).await;
    let thumbprint = "ThumbprintList.member.1=".to_owned() + &"ab".repeat(20);
    for (action, more) in [
        ("UpdateOpenIDConnectProviderThumbprint", thumbprint.as_str()),
        (
            "TagOpenIDConnectProvider",
            "Tags.member.1.Key=k&Tags.member.1.Value=v",
        ),
        ("UntagOpenIDConnectProvider", "TagKeys.member.1=k"),
        ("GetOpenIDConnectProvider", "X=1"),
    ] {
        let form = |arn: &str| format!("{action}&OpenIDConnectProviderArn={arn}&{more}");
        let refused = world.refused_to(&admin, &form(&own)).await;
        assert_eq!(refused.0, "AccessDenied", "{action}");
        let refused = world.refused_to(&admin, &form(&other)).await;
        assert_eq!(refused.0, "NoSuchEntity", "{action}");
    }
    let delete = format!("DeleteOpenIDConnectProvider&OpenIDConnectProviderArn={other}");
    world.ask(&admin, &delete).await.unwrap();
    let listed = world.ok("ListOpenIDConnectProviders").await;
    assert!(listed.contains(&own), "{listed}");
}

/// What the HSM process counts for an access key stands in the record of its making, and nothing
/// that it counts is missing there.
#[tokio::test]
async fn receipts_of_an_access_key_are_in_its_record() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    world.ok("CreateAccessKey&UserName=u").await;
    let first = world.log.records().last().unwrap().receipts.clone();
    world.ok("CreateAccessKey&UserName=u").await;
    let second = world.log.records().last().unwrap().receipts.clone();
    let counters: Vec<u64> = first.iter().chain(&second).map(|one| one.counter).collect();
    assert_eq!(counters.len(), 4);
    for (before, after) in counters.iter().zip(counters.iter().skip(1)) {
        assert_eq!(before + 1, *after, "{counters:?}");
    }
    // One that is refused after the key was made has them too.
    world.refused("CreateAccessKey&UserName=u").await;
    let third = world.log.records().last().unwrap().receipts.clone();
    assert_eq!(third.len(), 2);
    assert_eq!(third[0].counter, counters[3] + 1);
}
