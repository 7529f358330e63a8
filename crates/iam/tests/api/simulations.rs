//! SimulateCustomPolicy, SimulatePrincipalPolicy and what policies ask for.

use crate::every_operation::TRUST;
use crate::support::{OTHER, World, all, encoded, root_of};

const DATED: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;

fn dated(context: &str) -> String {
    format!(
        "SimulateCustomPolicy&PolicyInputList.member.1={}&ActionNames.member.1=dynamodb:CreateBackup{context}",
        encoded(DATED)
    )
}

fn at(date: &str) -> String {
    let entry = "ContextEntries.member.1";
    format!(
        "&{entry}.ContextKeyName=aws:CurrentTime&{entry}.ContextKeyType=date&{entry}.ContextKeyValues.member.1={date}"
    )
}

fn told<'t>(xml: &'t str, name: &str) -> Vec<&'t str> {
    all(xml, name)
}

/// Source: AWS CLI, examples of simulate-custom-policy.
#[tokio::test]
async fn the_examples_of_the_cli() {
    let world = World::new().await;
    let xml = world.ok(&dated(&at("2019-04-25T11:00:00Z"))).await;
    assert_eq!(told(&xml, "EvalDecision"), ["allowed"]);
    assert_eq!(told(&xml, "EvalResourceName"), ["*"]);
    assert_eq!(told(&xml, "SourcePolicyId"), ["PolicyInputList.1"]);
    assert_eq!(
        (told(&xml, "Line"), told(&xml, "Column").len()),
        (vec!["1", "1"], 2)
    );
    assert!(
        xml.contains("<Column>38</Column>") && xml.contains("<Column>167</Column>"),
        "{xml}"
    );
    let xml = world.ok(&dated(&at("2014-04-25T11:00:00Z"))).await;
    assert_eq!(told(&xml, "EvalDecision"), ["implicitDeny"]);
    assert!(told(&xml, "SourcePolicyId").is_empty());
    let xml = world.ok(&dated("")).await;
    assert_eq!(told(&xml, "EvalDecision"), ["implicitDeny"]);
    assert!(
        xml.contains("<MissingContextValues><member>aws:CurrentTime</member>"),
        "{xml}"
    );
}

#[tokio::test]
async fn denials_boundaries_and_guardrails() {
    let world = World::new().await;
    let allow = encoded(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Action":"kms:Delete*","Resource":"*"}]}"#,
    );
    let limit = encoded(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#,
    );
    let form = format!(
        "SimulateCustomPolicy&PolicyInputList.member.1={allow}&ActionNames.member.1=kms:Encrypt&ActionNames.member.2=kms:Decrypt&ActionNames.member.3=kms:DeleteAlias"
    );
    let xml = world.ok(&form).await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["allowed", "allowed", "explicitDeny"]
    );
    assert!(!xml.contains("AllowedByPermissionsBoundary"));
    let bounded = format!("{form}&PermissionsBoundaryPolicyInputList.member.1={limit}");
    let xml = world.ok(&bounded).await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["allowed", "implicitDeny", "explicitDeny"]
    );
    assert_eq!(
        told(&xml, "AllowedByPermissionsBoundary"),
        ["true", "false", "false"]
    );
    let guarded = format!(
        "{form}&OrderedOrganizationPolicyInputList.member.1.ServiceControlPolicyInputList.member.1={limit}"
    );
    let xml = world.ok(&guarded).await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["allowed", "implicitDeny", "explicitDeny"]
    );
    assert_eq!(
        told(&xml, "AllowedByOrganizations"),
        ["true", "false", "false"]
    );
    let paged = world.ok(&format!("{form}&MaxItems=2")).await;
    assert_eq!(
        told(&paged, "EvalActionName"),
        ["kms:Encrypt", "kms:Decrypt"]
    );
    assert!(paged.contains("<IsTruncated>true</IsTruncated>"));
}

#[tokio::test]
async fn resources_with_policies_of_their_own() {
    let world = World::new().await;
    let nothing = encoded(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#,
    );
    let key = encoded(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/alice"},"Action":"kms:Encrypt","Resource":"*"}]}"#,
    );
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let form = format!(
        "SimulateCustomPolicy&PolicyInputList.member.1={nothing}&ActionNames.member.1=kms:Encrypt&ResourceArns.member.1={arn}&ResourcePolicy={key}"
    );
    assert_eq!(world.refused(&form).await.0, "InvalidInput");
    let by = |user: &str| format!("{form}&CallerArn=arn:aws:iam::{user}");
    let xml = world.ok(&by("111122223333:user/alice")).await;
    assert_eq!(told(&xml, "EvalDecision"), ["allowed"]);
    assert_eq!(told(&xml, "SourcePolicyType"), ["resource"]);
    assert_eq!(told(&xml, "EvalResourceName"), [arn]);
    let xml = world.ok(&by("111122223333:user/bob")).await;
    assert_eq!(told(&xml, "EvalDecision"), ["implicitDeny"]);
    // From another account both sides must agree.
    let xml = world.ok(&by("444455556666:user/alice")).await;
    assert_eq!(told(&xml, "EvalDecision"), ["implicitDeny"]);
    assert_eq!(
        world.refused(&by("111122223333:role/r")).await.0,
        "InvalidInput"
    );
    // Whether a user of another account exists, and its unique id, is not told.
    let other = root_of(OTHER);
    world.ask(&other, "CreateUser&UserName=bob").await.unwrap();
    world.ok("CreateUser&UserName=bob").await;
    let known = encoded(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Sign","Resource":"*","Condition":{"StringLike":{"aws:userid":"AIDA*"}}}]}"#,
    );
    for (account, expected) in [("111122223333", "allowed"), (OTHER, "implicitDeny")] {
        let xml = world
            .ok(&format!(
                "SimulateCustomPolicy&PolicyInputList.member.1={known}&ActionNames.member.1=kms:Sign&CallerArn=arn:aws:iam::{account}:user/bob"
            ))
            .await;
        assert_eq!(told(&xml, "EvalDecision"), [expected], "{account}");
    }
}

#[tokio::test]
async fn principals_are_simulated_as_they_are() {
    let world = World::new().await;
    let put = |entity: &str, parameter: &str, document: &str| {
        format!(
            "Put{entity}Policy&{parameter}&PolicyName=own&PolicyDocument={}",
            encoded(document)
        )
    };
    let read = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Describe*","Resource":"arn:aws:kms:*:*:key/${aws:username}"}]}"#;
    let group = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}]}"#;
    world
        .ok("CreateUser&UserName=alice&Tags.member.1.Key=team&Tags.member.1.Value=blue")
        .await;
    world.ok("CreateGroup&GroupName=g").await;
    world.ok("AddUserToGroup&GroupName=g&UserName=alice").await;
    world.ok(&put("User", "UserName=alice", read)).await;
    world.ok(&put("Group", "GroupName=g", group)).await;
    world
        .ok("AttachUserPolicy&UserName=alice&PolicyArn=arn:aws:iam::aws:policy/IAMReadOnlyAccess")
        .await;
    let source = "PolicySourceArn=arn:aws:iam::111122223333:user/alice";
    let form = format!(
        "SimulatePrincipalPolicy&{source}&ActionNames.member.1=kms:DescribeKey&ActionNames.member.2=kms:ListKeys&ActionNames.member.3=iam:ListUsers&ResourceArns.member.1=arn:aws:kms:eu-central-1:111122223333:key/alice"
    );
    let xml = world.ok(&form).await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["allowed", "allowed", "allowed"]
    );
    assert_eq!(
        told(&xml, "SourcePolicyId"),
        ["user_alice_own", "group_g_own", "IAMReadOnlyAccess"]
    );
    assert_eq!(
        told(&xml, "SourcePolicyType"),
        ["user", "group", "aws-managed"]
    );
    // What would be with a Deny more, and with a policy less.
    let deny = encoded(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"kms:List*","Resource":"*"}]}"#,
    );
    let xml = world
        .ok(&format!("{form}&PolicyInputList.member.1={deny}"))
        .await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["allowed", "explicitDeny", "allowed"]
    );
    let less = "PolicyExclusionList.member.1.PolicyArn=arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    let xml = world.ok(&format!("{form}&{less}")).await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["allowed", "allowed", "implicitDeny"]
    );
    // Its boundary counts.
    world.ok("PutUserPermissionsBoundary&UserName=alice&PermissionsBoundary=arn:aws:iam::aws:policy/IAMFullAccess").await;
    let xml = world.ok(&form).await;
    assert_eq!(
        told(&xml, "EvalDecision"),
        ["implicitDeny", "implicitDeny", "allowed"]
    );
    assert_eq!(
        told(&xml, "AllowedByPermissionsBoundary"),
        ["false", "false", "true"]
    );

    let keys = world
        .ok(&format!("GetContextKeysForPrincipalPolicy&{source}"))
        .await;
    assert!(
        keys.contains("<member>aws:PrincipalTag/team</member><member>aws:username</member>"),
        "{keys}"
    );
    let granting = world.ok("ListPoliciesGrantingServiceAccess&Arn=arn:aws:iam::111122223333:user/alice&ServiceNamespaces.member.1=kms&ServiceNamespaces.member.2=s3").await;
    assert_eq!(told(&granting, "PolicyName"), ["own", "own"]);
    assert_eq!(told(&granting, "EntityType"), ["USER", "GROUP"]);

    world
        .ok(&format!(
            "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
            encoded(TRUST)
        ))
        .await;
    let role = "SimulatePrincipalPolicy&PolicySourceArn=arn:aws:iam::111122223333:role/r&ActionNames.member.1=kms:ListKeys";
    assert_eq!(
        told(&world.ok(role).await, "EvalDecision"),
        ["implicitDeny"]
    );
    let of_group = "SimulatePrincipalPolicy&PolicySourceArn=arn:aws:iam::111122223333:group/g&ActionNames.member.1=kms:ListKeys";
    let xml = world.ok(of_group).await;
    assert_eq!(told(&xml, "EvalDecision"), ["implicitDeny"]);
    assert!(
        xml.contains("<member>aws:PrincipalTag/team</member>"),
        "{xml}"
    );
    let missing = "SimulatePrincipalPolicy&PolicySourceArn=arn:aws:iam::111122223333:user/none&ActionNames.member.1=kms:ListKeys";
    assert_eq!(world.refused(missing).await.0, "NoSuchEntity");
}

#[tokio::test]
async fn what_is_no_simulation() {
    let world = World::new().await;
    let base = |action: &str| {
        format!(
            "SimulateCustomPolicy&PolicyInputList.member.1={}&ActionNames.member.1={action}",
            encoded(DATED)
        )
    };
    for action in ["nothing", "kms:*", "*:Encrypt", ":Encrypt", "kms:"] {
        let (code, _) = world.refused(&base(action)).await;
        assert_eq!(code, "InvalidInput", "{action}");
    }
    let broken =
        "SimulateCustomPolicy&PolicyInputList.member.1=%7B&ActionNames.member.1=kms:Encrypt";
    assert_eq!(world.refused(broken).await.0, "InvalidInput");
    let entry = "ContextEntries.member.1";
    for (kind, value) in [("numeric", "x"), ("boolean", "maybe"), ("ip", "1.2.3")] {
        let form = format!(
            "{}&{entry}.ContextKeyName=aws:abc&{entry}.ContextKeyType={kind}&{entry}.ContextKeyValues.member.1={value}",
            base("kms:Encrypt")
        );
        assert_eq!(world.refused(&form).await.0, "InvalidInput", "{kind}");
    }
    let owner = format!("{}&ResourceOwner=nobody", base("kms:Encrypt"));
    assert_eq!(world.refused(&owner).await.0, "InvalidInput");
    let many = |list: &str, count: usize, value: &str| {
        let each = |n: usize| format!("&{list}.member.{n}={value}");
        (2..=count).map(each).collect::<String>()
    };
    let actions = many("ActionNames", 101, "kms:Encrypt");
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/x";
    let pairs = format!(
        "{}{actions}&ResourceArns.member.1={arn}{}",
        base("kms:Encrypt"),
        many("ResourceArns", 100, arn)
    );
    let (code, text) = world.refused(&pairs).await;
    assert_eq!(code, "InvalidInput");
    assert!(text.contains("10000 pairs"), "{text}");
    let large = many("PolicyInputList", 900, &encoded(DATED));
    let (code, text) = world
        .refused(&format!("{}{large}", base("kms:Encrypt")))
        .await;
    assert_eq!(code, "InvalidInput");
    assert!(text.contains("bytes together"), "{text}");
}

#[tokio::test]
async fn a_page_ends_before_it_is_expensive() {
    let world = World::new().await;
    let entry = "ContextEntries.member.1";
    let context = |values: usize, bytes: usize| {
        let values: String = (1..=values)
            .map(|n| format!("&{entry}.ContextKeyValues.member.{n}={}", "a".repeat(bytes)))
            .collect();
        format!("&{entry}.ContextKeyName=s3:prefix&{entry}.ContextKeyType=stringList{values}")
    };
    let patterns = vec![r#""*a*a*a*a*a7*""#; 600].join(",");
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"ForAnyValue:StringLike":{{"s3:prefix":[{patterns}]}}}}}}]}}"#
    );
    let policies: String = (1..=6)
        .map(|n| format!("&PolicyInputList.member.{n}={}", encoded(&document)))
        .collect();
    let actions: String = (1..=900)
        .map(|n| format!("&ActionNames.member.{n}=s3:A{n}"))
        .collect();
    let form =
        |context: &str| format!("SimulateCustomPolicy{policies}{actions}&MaxItems=1000{context}");
    for (values, bytes) in [(1, 8_193), (257, 1), (100, 2_000)] {
        let refused = world.refused(&form(&context(values, bytes))).await;
        assert_eq!(refused.0, "InvalidInput", "{values}");
    }
    let xml = world.ok(&form(&context(4, 2_000))).await;
    let decided = told(&xml, "EvalDecision").len();
    assert!((1..100).contains(&decided), "{decided}");
    let marker = all(&xml, "Marker")[0];
    let next = world
        .ok(&format!("{}&Marker={marker}", form(&context(4, 2_000))))
        .await;
    let first = format!("s3:A{}", decided + 1);
    assert_eq!(told(&next, "EvalActionName")[0], first);
}
