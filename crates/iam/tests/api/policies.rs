//! Managed and inline policies: versions, attachments, quotas, documents.

use crate::every_operation::TRUST;
use crate::support::{ALLOW_ALL, World, all, between, encoded};

const P: &str = "arn:aws:iam::111122223333:policy/p";

/// A document with a Sid of that many letters.
fn of_size(chars: usize) -> String {
    let frame = r#"{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let sid = "a".repeat(chars - frame.len());
    frame.replace(r#""Sid":"""#, &format!(r#""Sid":"{sid}""#))
}

#[tokio::test]
async fn versions_five_and_one_default() {
    let world = World::new().await;
    let document = encoded(ALLOW_ALL);
    let xml = world
        .ok(&format!(
            "CreatePolicy&PolicyName=p&Path=%2Fx%2F&Description=d&PolicyDocument={document}"
        ))
        .await;
    let arn = "arn:aws:iam::111122223333:policy/x/p";
    assert_eq!(between(&xml, "<Arn>", "</Arn>"), arn);
    assert_eq!(
        between(&xml, "<DefaultVersionId>", "</DefaultVersionId>"),
        "v1"
    );
    assert!(between(&xml, "<PolicyId>", "</PolicyId>").starts_with("ANPA"));
    for version in 2..=5 {
        let xml = world
            .ok(&format!(
                "CreatePolicyVersion&PolicyArn={arn}&PolicyDocument={document}"
            ))
            .await;
        assert_eq!(
            between(&xml, "<VersionId>", "</VersionId>"),
            format!("v{version}")
        );
    }
    let sixth =
        format!("CreatePolicyVersion&PolicyArn={arn}&PolicyDocument={document}&SetAsDefault=true");
    let (code, text) = world.refused(&sixth).await;
    assert_eq!(code, "LimitExceeded");
    assert!(
        text.starts_with("A managed policy can have up to 5 versions."),
        "{text}"
    );
    let (code, text) = world
        .refused(&format!("DeletePolicyVersion&PolicyArn={arn}&VersionId=v1"))
        .await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        (
            "DeleteConflict",
            "Cannot delete the default version of a policy."
        )
    );
    world
        .ok(&format!(
            "SetDefaultPolicyVersion&PolicyArn={arn}&VersionId=v3"
        ))
        .await;
    world
        .ok(&format!("DeletePolicyVersion&PolicyArn={arn}&VersionId=v1"))
        .await;
    // Numbers are never used again.
    let xml = world.ok(&sixth).await;
    assert_eq!(between(&xml, "<VersionId>", "</VersionId>"), "v6");
    let xml = world
        .ok(&format!("ListPolicyVersions&PolicyArn={arn}"))
        .await;
    assert_eq!(all(&xml, "VersionId"), ["v6", "v5", "v4", "v3", "v2"]);
    let xml = world
        .ok(&format!("GetPolicyVersion&PolicyArn={arn}&VersionId=v6"))
        .await;
    assert_eq!(between(&xml, "<Document>", "</Document>"), document);
    assert_eq!(
        between(&xml, "<IsDefaultVersion>", "</IsDefaultVersion>"),
        "true"
    );
    let (code, text) = world
        .refused(&format!("DeletePolicy&PolicyArn={arn}"))
        .await;
    assert_eq!(code, "DeleteConflict");
    assert!(
        text.starts_with("This policy has more than one version."),
        "{text}"
    );
    for version in ["v2", "v3", "v4", "v5"] {
        world
            .ok(&format!(
                "DeletePolicyVersion&PolicyArn={arn}&VersionId={version}"
            ))
            .await;
    }
    world.ok(&format!("DeletePolicy&PolicyArn={arn}")).await;
    assert_eq!(
        world.refused(&format!("GetPolicy&PolicyArn={arn}")).await.0,
        "NoSuchEntity"
    );
    // The path is a part of the ARN.
    world
        .ok(&format!(
            "CreatePolicy&PolicyName=p&Path=%2Fx%2F&PolicyDocument={document}"
        ))
        .await;
    assert_eq!(
        world.refused(&format!("GetPolicy&PolicyArn={P}")).await.0,
        "NoSuchEntity"
    );
}

#[tokio::test]
async fn attachments_count_and_hold() {
    let world = World::new().await;
    let document = encoded(ALLOW_ALL);
    world
        .ok(&format!(
            "CreatePolicy&PolicyName=p&PolicyDocument={document}"
        ))
        .await;
    world.ok("CreateUser&UserName=u").await;
    world.ok("CreateGroup&GroupName=g").await;
    world
        .ok(&format!(
            "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
            encoded(TRUST)
        ))
        .await;
    for form in [
        "AttachUserPolicy&UserName=u",
        "AttachGroupPolicy&GroupName=g",
        "AttachRolePolicy&RoleName=r",
    ] {
        world.ok(&format!("{form}&PolicyArn={P}")).await;
        // Attached is attached.
        world.ok(&format!("{form}&PolicyArn={P}")).await;
    }
    world
        .ok(&format!(
            "PutRolePermissionsBoundary&RoleName=r&PermissionsBoundary={P}"
        ))
        .await;
    let xml = world.ok(&format!("GetPolicy&PolicyArn={P}")).await;
    assert_eq!(
        between(&xml, "<AttachmentCount>", "</AttachmentCount>"),
        "3"
    );
    let boundary = "PermissionsBoundaryUsageCount";
    assert_eq!(all(&xml, boundary), ["1"]);
    let xml = world
        .ok(&format!("ListEntitiesForPolicy&PolicyArn={P}"))
        .await;
    assert_eq!(
        (
            all(&xml, "UserName"),
            all(&xml, "GroupName"),
            all(&xml, "RoleName")
        ),
        (vec!["u"], vec!["g"], vec!["r"])
    );
    let xml = world
        .ok(&format!(
            "ListEntitiesForPolicy&PolicyArn={P}&EntityFilter=Group"
        ))
        .await;
    assert_eq!(
        (all(&xml, "UserName").len(), all(&xml, "GroupName").len()),
        (0, 1)
    );
    let xml = world.ok("ListAttachedRolePolicies&RoleName=r").await;
    assert_eq!(
        (all(&xml, "PolicyName"), all(&xml, "PolicyArn")),
        (vec!["p"], vec![P])
    );
    let (code, text) = world.refused(&format!("DeletePolicy&PolicyArn={P}")).await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        (
            "DeleteConflict",
            "Cannot delete a policy attached to entities."
        )
    );
    let xml = world.ok("ListPolicies&Scope=Local&OnlyAttached=true").await;
    assert_eq!(all(&xml, "Arn"), [P]);
    let xml = world.ok("ListPolicies&Scope=AWS").await;
    let arns = all(&xml, "Arn");
    assert!(
        arns.contains(&"arn:aws:iam::aws:policy/AdministratorAccess"),
        "{arns:?}"
    );
    assert!(!arns.contains(&P));
    assert_eq!(
        all(
            &world.ok("ListPolicies&Scope=AWS&OnlyAttached=true").await,
            "Arn"
        )
        .len(),
        0
    );
    for form in [
        "DetachUserPolicy&UserName=u",
        "DetachGroupPolicy&GroupName=g",
        "DetachRolePolicy&RoleName=r",
    ] {
        world.ok(&format!("{form}&PolicyArn={P}")).await;
        assert_eq!(
            world.refused(&format!("{form}&PolicyArn={P}")).await.0,
            "NoSuchEntity"
        );
    }
    // Still a boundary.
    assert_eq!(
        world
            .refused(&format!("DeletePolicy&PolicyArn={P}"))
            .await
            .0,
        "DeleteConflict"
    );
    world.ok("DeleteRolePermissionsBoundary&RoleName=r").await;
    world.ok(&format!("DeletePolicy&PolicyArn={P}")).await;
}

#[tokio::test]
async fn quotas_of_policies() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    world.ok("CreateGroup&GroupName=g").await;
    world
        .ok(&format!(
            "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
            encoded(TRUST)
        ))
        .await;
    for (owner, word, quota) in [
        ("User&UserName=u", "user u", 2048),
        ("Group&GroupName=g", "group g", 5120),
        ("Role&RoleName=r", "role r", 10_240),
    ] {
        let (entity, parameter) = owner.split_once('&').unwrap();
        let put = |name: &str, size: usize| {
            format!(
                "Put{entity}Policy&{parameter}&PolicyName={name}&PolicyDocument={}",
                encoded(&of_size(size))
            )
        };
        world.ok(&put("one", quota - 200)).await;
        world.ok(&put("two", 200)).await;
        let (code, text) = world.refused(&put("three", 100)).await;
        assert_eq!(code, "LimitExceeded");
        assert_eq!(
            text,
            format!("Maximum policy size of {quota} bytes exceeded for {word}")
        );
        // In place of the old one it fits; white space does not count.
        let spaced = of_size(200).replace(':', " : ");
        let again = format!(
            "Put{entity}Policy&{parameter}&PolicyName=TWO&PolicyDocument={}",
            encoded(&spaced)
        );
        world.ok(&again).await;
        let xml = world.ok(&format!("List{entity}Policies&{parameter}")).await;
        assert!(
            xml.contains("<member>TWO</member>") && !xml.contains("<member>two</member>"),
            "{xml}"
        );
    }
    let create = |size: usize| {
        format!(
            "CreatePolicy&PolicyName=p{size}&PolicyDocument={}",
            encoded(&of_size(size))
        )
    };
    world.ok(&create(6144)).await;
    let (code, text) = world.refused(&create(6145)).await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    );
    for n in 0..10 {
        world
            .ok(&format!(
                "CreatePolicy&PolicyName=q{n}&PolicyDocument={}",
                encoded(ALLOW_ALL)
            ))
            .await;
        world
            .ok(&format!(
                "AttachRolePolicy&RoleName=r&PolicyArn=arn:aws:iam::111122223333:policy/q{n}"
            ))
            .await;
    }
    let (code, text) = world
        .refused("AttachRolePolicy&RoleName=r&PolicyArn=arn:aws:iam::aws:policy/AWSDenyAll")
        .await;
    assert_eq!(
        (code.as_str(), text.as_str()),
        (
            "LimitExceeded",
            "Cannot exceed quota for PoliciesPerRole: 10"
        )
    );
}

#[tokio::test]
async fn documents_that_are_none() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    for document in [
        "{",
        "[]",
        "{}",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
        r#"{"Version":"2030-01-01","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NoSuchOperator":{"a:b":"c"}}}]}"#,
    ] {
        let document = encoded(document);
        for form in [
            "PutUserPolicy&UserName=u&PolicyName=p",
            "CreatePolicy&PolicyName=p",
        ] {
            let form = format!("{form}&PolicyDocument={document}");
            assert_eq!(
                world.refused(&form).await.0,
                "MalformedPolicyDocument",
                "{form}"
            );
        }
    }
    let old =
        r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let (code, text) = world
        .refused(&format!(
            "CreatePolicy&PolicyName=p&PolicyDocument={}",
            encoded(old)
        ))
        .await;
    assert_eq!(code, "MalformedPolicyDocument");
    assert_eq!(
        text,
        "Policy document must be version 2012-10-17 or greater."
    );
}

#[tokio::test]
async fn policies_of_aws_can_be_read_and_not_changed() {
    let world = World::new().await;
    let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
    let xml = world.ok(&format!("GetPolicy&PolicyArn={arn}")).await;
    assert_eq!(
        between(&xml, "<PolicyName>", "</PolicyName>"),
        "AdministratorAccess"
    );
    let xml = world
        .ok(&format!("GetPolicyVersion&PolicyArn={arn}&VersionId=v1"))
        .await;
    assert!(
        between(&xml, "<Document>", "</Document>").starts_with("%7B"),
        "{xml}"
    );
    let document = encoded(ALLOW_ALL);
    for form in [
        format!("DeletePolicy&PolicyArn={arn}"),
        format!("CreatePolicyVersion&PolicyArn={arn}&PolicyDocument={document}"),
        format!("TagPolicy&PolicyArn={arn}&Tags.member.1.Key=k&Tags.member.1.Value=v"),
    ] {
        assert_eq!(world.refused(&form).await.0, "AccessDenied", "{form}");
    }
    let unknown = "GetPolicy&PolicyArn=arn:aws:iam::aws:policy/NoSuchPolicy";
    assert_eq!(world.refused(unknown).await.0, "NoSuchEntity");
}
