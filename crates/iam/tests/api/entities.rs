//! Users, groups, roles, keys, tags, providers: what is stored, shown and refused, in IAM's words.

use crate::every_operation::TRUST;
use crate::support::{ACCOUNT, ALLOW_ALL, OTHER, World, all, between, encoded, root_of};

#[tokio::test]
async fn a_user_has_path_id_arn_and_dates() {
    let world = World::new().await;
    let xml = world
        .ok("CreateUser&UserName=Alice&Path=%2Fteam%2Fa%2F&Tags.member.1.Key=k&Tags.member.1.Value=v")
        .await;
    assert_eq!(
        between(&xml, "<Arn>", "</Arn>"),
        "arn:aws:iam::111122223333:user/team/a/Alice"
    );
    let id = between(&xml, "<UserId>", "</UserId>");
    assert!(id.starts_with("AIDA") && id.len() == 21, "{id}");
    assert_eq!(
        between(&xml, "<CreateDate>", "</CreateDate>"),
        "2026-11-22T10:00:00Z"
    );
    assert_eq!(between(&xml, "<Key>", "</Key>"), "k");
    let again = world.refused("CreateUser&UserName=ALICE").await;
    let text = "User with name ALICE already exists.".to_owned();
    assert_eq!(again, ("EntityAlreadyExists".to_owned(), text));
    let shown = world.ok("GetUser&UserName=alice").await;
    assert_eq!(between(&shown, "<UserName>", "</UserName>"), "Alice");
    let listed = world.ok("ListUsers&PathPrefix=%2Fteam%2F").await;
    assert_eq!(all(&listed, "UserName"), ["Alice"]);
    assert!(!listed.contains("<Tags>"));
    let elsewhere = world.ok("ListUsers&PathPrefix=%2Fother").await;
    assert!(all(&elsewhere, "UserName").is_empty());
}

#[tokio::test]
async fn what_is_missing_is_told_in_iams_words() {
    let world = World::new().await;
    let policy = "arn:aws:iam::111122223333:policy/x";
    let trust = encoded(TRUST);
    for (form, text) in [
        (
            "GetUser&UserName=x".to_owned(),
            "The user with name x cannot be found.".to_owned(),
        ),
        (
            "GetGroup&GroupName=x".to_owned(),
            "The group with name x cannot be found.".to_owned(),
        ),
        (
            "GetRole&RoleName=x".to_owned(),
            "The role with name x cannot be found.".to_owned(),
        ),
        (
            format!("GetPolicy&PolicyArn={policy}"),
            format!("Policy {policy} was not found."),
        ),
    ] {
        assert_eq!(
            world.refused(&form).await,
            ("NoSuchEntity".to_owned(), text),
            "{form}"
        );
    }
    world.ok("CreateUser&UserName=u").await;
    world
        .ok(&format!(
            "CreateRole&RoleName=r&AssumeRolePolicyDocument={trust}"
        ))
        .await;
    for (form, text) in [
        (
            format!("AttachUserPolicy&UserName=u&PolicyArn={policy}"),
            format!("Policy {policy} does not exist or is not attachable."),
        ),
        (
            format!("DetachRolePolicy&RoleName=r&PolicyArn={policy}"),
            format!("Policy {policy} was not found."),
        ),
        (
            "GetRolePolicy&RoleName=r&PolicyName=p".to_owned(),
            "The role policy with name p cannot be found.".to_owned(),
        ),
        (
            format!("PutUserPermissionsBoundary&UserName=u&PermissionsBoundary={policy}"),
            format!("Scope ARN: {policy} does not exist or is not attachable."),
        ),
        (
            "DeleteAccessKey&UserName=u&AccessKeyId=AKIAXXXXXXXXXXXXXXXX".to_owned(),
            "The Access Key with id AKIAXXXXXXXXXXXXXXXX cannot be found.".to_owned(),
        ),
    ] {
        assert_eq!(
            world.refused(&form).await,
            ("NoSuchEntity".to_owned(), text),
            "{form}"
        );
    }
    let bad = world
        .refused("AttachUserPolicy&UserName=u&PolicyArn=arn:aws:s3:::a-bucket-here")
        .await;
    assert_eq!(bad.0, "InvalidInput");
    let foreign = format!("AttachUserPolicy&UserName=u&PolicyArn=arn:aws:iam::{OTHER}:policy/x");
    assert_eq!(world.refused(&foreign).await.0, "NoSuchEntity");
}

#[tokio::test]
async fn what_hangs_on_an_entity_must_go_first() {
    let world = World::new().await;
    let document = encoded(ALLOW_ALL);
    let conflict = |what: &str| {
        let text = format!("Cannot delete entity, must {what} first.");
        ("DeleteConflict".to_owned(), text)
    };
    world.ok("CreateUser&UserName=u").await;
    world.ok("CreateGroup&GroupName=g").await;
    world.ok("AddUserToGroup&GroupName=g&UserName=u").await;
    world
        .ok(&format!(
            "PutUserPolicy&UserName=u&PolicyName=p&PolicyDocument={document}"
        ))
        .await;
    let managed = "arn:aws:iam::aws:policy/AdministratorAccess";
    world
        .ok(&format!("AttachUserPolicy&UserName=u&PolicyArn={managed}"))
        .await;
    let xml = world.ok("CreateAccessKey&UserName=u").await;
    let key = between(&xml, "<AccessKeyId>", "</AccessKeyId>").to_owned();
    for (what, then) in [
        (
            "detach all policies",
            format!("DetachUserPolicy&UserName=u&PolicyArn={managed}"),
        ),
        (
            "delete policies",
            "DeleteUserPolicy&UserName=u&PolicyName=p".to_owned(),
        ),
        (
            "delete access keys",
            format!("DeleteAccessKey&UserName=u&AccessKeyId={key}"),
        ),
    ] {
        assert_eq!(world.refused("DeleteUser&UserName=u").await, conflict(what));
        world.ok(&then).await;
    }
    let members = conflict("remove users from group");
    assert_eq!(world.refused("DeleteUser&UserName=u").await, members);
    assert_eq!(world.refused("DeleteGroup&GroupName=g").await, members);
    world.ok("RemoveUserFromGroup&GroupName=g&UserName=u").await;
    world.ok("DeleteGroup&GroupName=g").await;
    world.ok("DeleteUser&UserName=u").await;
    assert_eq!(world.refused("GetUser&UserName=u").await.0, "NoSuchEntity");
}

#[tokio::test]
async fn access_keys_two_a_user_shown_once_off_at_once() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    let xml = world.ok("CreateAccessKey&UserName=u").await;
    let id = between(&xml, "<AccessKeyId>", "</AccessKeyId>").to_owned();
    let secret = between(&xml, "<SecretAccessKey>", "</SecretAccessKey>").to_owned();
    assert!(id.starts_with("AKIA") && id.len() == 20 && secret.len() == 40);
    for record in world.log.records() {
        let json = String::from_utf8(record.json).unwrap();
        assert!(!json.contains(&secret), "{json}");
    }
    assert!(world.last_record().contains(&id));
    let listed = world.ok("ListAccessKeys&UserName=u").await;
    assert!(listed.contains(&id) && !listed.contains(&secret));
    let bearer = world.found(&id).unwrap();
    assert_eq!(
        bearer.caller.principal.arn("aws").to_string(),
        "arn:aws:iam::111122223333:user/u"
    );
    world.ok("CreateAccessKey&UserName=u").await;
    let third = world.refused("CreateAccessKey&UserName=u").await;
    let text = "Cannot exceed quota for AccessKeysPerUser: 2".to_owned();
    assert_eq!(third, ("LimitExceeded".to_owned(), text));
    let update =
        |status: &str| format!("UpdateAccessKey&UserName=u&AccessKeyId={id}&Status={status}");
    world.ok(&update("Inactive")).await;
    assert!(world.found(&id).is_none());
    world.ok(&update("Active")).await;
    assert!(world.found(&id).is_some());
    let unused = world
        .ok(&format!("GetAccessKeyLastUsed&AccessKeyId={id}"))
        .await;
    assert!(
        unused.contains("<ServiceName>N/A</ServiceName>"),
        "{unused}"
    );
    let region = keystead_types::Region::parse("eu-central-1").unwrap();
    let now = keystead_types::Timestamp::from_millis(1_795_341_600_000);
    world.directory.note_use(&id, "kms", &region, now);
    let used = world
        .ok(&format!("GetAccessKeyLastUsed&AccessKeyId={id}"))
        .await;
    assert!(used.contains("<ServiceName>kms</ServiceName>"), "{used}");
    assert!(used.contains("<Region>eu-central-1</Region>"), "{used}");
    world
        .ok(&format!("DeleteAccessKey&UserName=u&AccessKeyId={id}"))
        .await;
    assert!(world.found(&id).is_none());
}

#[tokio::test]
async fn without_a_name_the_caller_is_meant() {
    let world = World::new().await;
    let alice = world.user("alice", ALLOW_ALL).await;
    let xml = world.ask(&alice, "GetUser").await.unwrap();
    assert_eq!(between(&xml, "<UserName>", "</UserName>"), "alice");
    let keys = world.ask(&alice, "ListAccessKeys").await.unwrap();
    assert_eq!(all(&keys, "UserName"), ["alice"]);
    let root = world.ok("GetUser").await;
    assert_eq!(
        between(&root, "<Arn>", "</Arn>"),
        format!("arn:aws:iam::{ACCOUNT}:root")
    );
    let (code, text) = world.refused("CreateAccessKey").await;
    assert_eq!(code, "ValidationError");
    assert_eq!(
        text,
        "Must specify userName when calling with non-User credentials"
    );
}

#[tokio::test]
async fn renamed_entities_stay_who_they_are() {
    let world = World::new().await;
    let bob = world.user("bob", ALLOW_ALL).await;
    world.ok("CreateGroup&GroupName=g").await;
    world.ok("AddUserToGroup&GroupName=g&UserName=bob").await;
    let before = world.ok("GetUser&UserName=bob").await;
    world
        .ok("UpdateUser&UserName=bob&NewUserName=robert&NewPath=%2Fx%2F")
        .await;
    let after = world.ok("GetUser&UserName=robert").await;
    let id = |xml: &str| between(xml, "<UserId>", "</UserId>").to_owned();
    assert_eq!(id(&before), id(&after));
    assert_eq!(between(&after, "<Path>", "</Path>"), "/x/");
    assert_eq!(
        world.refused("GetUser&UserName=bob").await.0,
        "NoSuchEntity"
    );
    let key = bob.caller.access_key_id.clone();
    let now = world.found(&key).unwrap();
    assert_eq!(
        now.caller.principal.arn("aws").to_string(),
        "arn:aws:iam::111122223333:user/x/robert"
    );
    world.ok("UpdateGroup&GroupName=g&NewGroupName=h").await;
    let members = world.ok("GetGroup&GroupName=h").await;
    assert_eq!(all(&members, "UserName"), ["robert"]);
    let groups = world.ok("ListGroupsForUser&UserName=robert").await;
    assert_eq!(all(&groups, "GroupName"), ["h"]);
    world.ok("CreateUser&UserName=carol").await;
    let taken = world
        .refused("UpdateUser&UserName=carol&NewUserName=ROBERT")
        .await;
    assert_eq!(taken.0, "EntityAlreadyExists");
}

#[tokio::test]
async fn a_role_trusts_only_who_exists_and_is_bound_to_it() {
    let world = World::new().await;
    let trusting = |principal: &str| {
        encoded(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
        ))
    };
    let alice = "arn:aws:iam::111122223333:user/alice";
    let create = format!(
        "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
        trusting(alice)
    );
    let refused = world.refused(&create).await;
    let text = format!(r#"Invalid principal in policy: "AWS":"{alice}""#);
    assert_eq!(refused, ("MalformedPolicyDocument".to_owned(), text));
    let xml = world.ok("CreateUser&UserName=alice").await;
    let id = between(&xml, "<UserId>", "</UserId>").to_owned();
    let xml = world.ok(&create).await;
    assert!(between(&xml, "<RoleId>", "</RoleId>").starts_with("AROA"));
    assert_eq!(
        between(&xml, "<MaxSessionDuration>", "</MaxSessionDuration>"),
        "3600"
    );
    let document = between(
        &xml,
        "<AssumeRolePolicyDocument>",
        "</AssumeRolePolicyDocument>",
    );
    assert_eq!(document, trusting(alice));
    let account = keystead_types::AccountId::parse(ACCOUNT).unwrap();
    let bound = |world: &World| {
        let snapshot = world.directory.world();
        snapshot
            .account(account)
            .role("r")
            .unwrap()
            .record
            .trusted_ids
            .clone()
    };
    assert_eq!(bound(&world), [(alice.to_owned(), id.clone())]);
    let shown = async |world: &World| {
        let xml = world.ok("GetRole&RoleName=r").await;
        let open = "<AssumeRolePolicyDocument>";
        between(&xml, open, "</AssumeRolePolicyDocument>").to_owned()
    };
    world
        .ok("UpdateUser&UserName=alice&NewUserName=alicia")
        .await;
    let renamed = "arn:aws:iam::111122223333:user/alicia";
    assert_eq!(shown(&world).await, trusting(renamed));
    world.ok("DeleteUser&UserName=alicia").await;
    world.ok("CreateUser&UserName=alice").await;
    assert_eq!(shown(&world).await, trusting(&id));
    assert_eq!(bound(&world), [(alice.to_owned(), id)]);
    let update = format!(
        "UpdateAssumeRolePolicy&RoleName=r&PolicyDocument={}",
        trusting(OTHER)
    );
    world.ok(&update).await;
    assert!(bound(&world).is_empty());
    for bad in [
        "arn:aws:iam::111122223333:group/g",
        "arn:aws:iam::111122223333:role/none",
        "nonsense",
    ] {
        let form = format!(
            "UpdateAssumeRolePolicy&RoleName=r&PolicyDocument={}",
            trusting(bad)
        );
        assert_eq!(
            world.refused(&form).await.0,
            "MalformedPolicyDocument",
            "{bad}"
        );
    }
    world
        .ok("UpdateRole&RoleName=r&MaxSessionDuration=7200&Description=d")
        .await;
    let xml = world.ok("GetRole&RoleName=r").await;
    assert_eq!(
        between(&xml, "<MaxSessionDuration>", "</MaxSessionDuration>"),
        "7200"
    );
    let xml = world
        .ok("UpdateRoleDescription&RoleName=r&Description=e")
        .await;
    assert_eq!(between(&xml, "<Description>", "</Description>"), "e");
}

#[tokio::test]
async fn tags_are_unique_without_case_and_fifty() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    world
        .ok("TagUser&UserName=u&Tags.member.1.Key=Team&Tags.member.1.Value=a")
        .await;
    world
        .ok("TagUser&UserName=u&Tags.member.1.Key=TEAM&Tags.member.1.Value=b")
        .await;
    let xml = world.ok("ListUserTags&UserName=u").await;
    assert_eq!(
        (all(&xml, "Key"), all(&xml, "Value")),
        (vec!["TEAM"], vec!["b"])
    );
    let twice = "TagUser&UserName=u&Tags.member.1.Key=x&Tags.member.1.Value=1&Tags.member.2.Key=X&Tags.member.2.Value=2";
    assert_eq!(world.refused(twice).await.0, "InvalidInput");
    let reserved = "TagUser&UserName=u&Tags.member.1.Key=aws:x&Tags.member.1.Value=1";
    assert_eq!(world.refused(reserved).await.0, "InvalidInput");
    let tag = |n: usize| format!("Tags.member.{n}.Key=k{n}&Tags.member.{n}.Value=v");
    let many: Vec<String> = (1..=49).map(tag).collect();
    world
        .ok(&format!("TagUser&UserName=u&{}", many.join("&")))
        .await;
    let more = world
        .refused("TagUser&UserName=u&Tags.member.1.Key=k50&Tags.member.1.Value=v")
        .await;
    assert_eq!(more.0, "LimitExceeded");
    world.ok("UntagUser&UserName=u&TagKeys.member.1=team").await;
    let page = world.ok("ListUserTags&UserName=u&MaxItems=20").await;
    assert_eq!(all(&page, "Key").len(), 20);
    let mut seen = 20;
    let mut marker = between(&page, "<Marker>", "</Marker>").to_owned();
    loop {
        let page = world
            .ok(&format!(
                "ListUserTags&UserName=u&MaxItems=20&Marker={marker}"
            ))
            .await;
        seen += all(&page, "Key").len();
        match page.contains("<IsTruncated>true") {
            true => marker = between(&page, "<Marker>", "</Marker>").to_owned(),
            false => break,
        }
    }
    assert_eq!(seen, 49);
}

#[tokio::test]
async fn providers_aliases_and_figures() {
    let world = World::new().await;
    let xml = world
        .ok("CreateOpenIDConnectProvider&Url=https%3A%2F%2Fid.example.com%2Fa&ClientIDList.member.1=sts.amazonaws.com")
        .await;
    let arn = "arn:aws:iam::111122223333:oidc-provider/id.example.com/a";
    let tagged = between(
        &xml,
        "<OpenIDConnectProviderArn>",
        "</OpenIDConnectProviderArn>",
    );
    assert_eq!(tagged, arn);
    let again = world
        .refused("CreateOpenIDConnectProvider&Url=https%3A%2F%2FID.example.com%2Fa")
        .await;
    assert_eq!(again.0, "EntityAlreadyExists");
    // A slash at the end is part of the issuer's name.
    let xml = world
        .ok("CreateOpenIDConnectProvider&Url=https%3A%2F%2Fid.example.com%2Fa%2F")
        .await;
    let slashed = between(
        &xml,
        "<OpenIDConnectProviderArn>",
        "</OpenIDConnectProviderArn>",
    );
    assert_eq!(slashed, format!("{arn}/"));
    let xml = world
        .ok(&format!(
            "GetOpenIDConnectProvider&OpenIDConnectProviderArn={arn}"
        ))
        .await;
    assert_eq!(between(&xml, "<Url>", "</Url>"), "id.example.com/a");
    assert!(xml.contains("<member>sts.amazonaws.com</member>"), "{xml}");
    world
        .ok(&format!(
            "DeleteOpenIDConnectProvider&OpenIDConnectProviderArn={arn}"
        ))
        .await;
    world
        .ok(&format!(
            "DeleteOpenIDConnectProvider&OpenIDConnectProviderArn={arn}"
        ))
        .await;
    let gone = world
        .refused(&format!(
            "GetOpenIDConnectProvider&OpenIDConnectProviderArn={arn}"
        ))
        .await;
    assert_eq!(gone.0, "NoSuchEntity");
    let xml = world
        .ok(&format!(
            "GetOpenIDConnectProvider&OpenIDConnectProviderArn={slashed}"
        ))
        .await;
    assert_eq!(between(&xml, "<Url>", "</Url>"), "id.example.com/a/");

    world.ok("CreateAccountAlias&AccountAlias=acme").await;
    let taken = world
        .ask(&root_of(OTHER), "CreateAccountAlias&AccountAlias=acme")
        .await
        .unwrap_err();
    assert_eq!(taken.kind().in_query().0, "EntityAlreadyExists");
    world.ok("CreateAccountAlias&AccountAlias=acme-2").await;
    world
        .ask(&root_of(OTHER), "CreateAccountAlias&AccountAlias=acme")
        .await
        .unwrap();
    let xml = world.ok("ListAccountAliases").await;
    assert!(
        xml.contains("<member>acme-2</member>") && !xml.contains(">acme<"),
        "{xml}"
    );

    world.ok("CreateUser&UserName=u").await;
    let xml = world.ok("GetAccountSummary").await;
    assert!(xml.contains("<key>Users</key><value>1</value>"), "{xml}");
    assert!(
        xml.contains("<key>AccessKeysPerUserQuota</key><value>2</value>"),
        "{xml}"
    );
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    let other = root_of(OTHER);
    assert_eq!(
        world.refused_to(&other, "GetUser&UserName=u").await.0,
        "NoSuchEntity"
    );
    let xml = world.ask(&other, "ListUsers").await.unwrap();
    assert!(all(&xml, "UserName").is_empty());
    world.ask(&other, "CreateUser&UserName=u").await.unwrap();
    world.ok("DeleteUser&UserName=u").await;
    let xml = world.ask(&other, "ListUsers").await.unwrap();
    assert_eq!(all(&xml, "Arn"), [format!("arn:aws:iam::{OTHER}:user/u")]);
}

#[tokio::test]
async fn what_was_answered_is_in_the_store_with_its_record() {
    let world = World::new().await;
    world.ok("CreateUser&UserName=u").await;
    let (identities, more) = world.records.identities_page(None, 10).await.unwrap();
    // The account's own record came with its first user's.
    assert_eq!((identities.len(), more), (2, false));
    let first = world.ok("GetUser").await;
    let outbox = world.records.outbox(10).await.unwrap();
    assert_eq!(outbox.0.len(), 1);
    // Later commits take out of the outbox what the log has had for a while.
    world.pass(60_000);
    world.ok("CreateUser&UserName=v").await;
    let outbox = world.records.outbox(10).await.unwrap();
    assert_eq!(outbox.0.len(), 1);
    // Without a change too, but nothing that a power cut could still take from the log.
    world.log.hold_sync(true);
    world.ok("CreateUser&UserName=x").await;
    world.service.sweep_outbox().await.unwrap();
    let outbox = world.records.outbox(10).await.unwrap();
    assert_eq!(outbox.0.len(), 1);
    world.log.hold_sync(false);
    world.service.sweep_outbox().await.unwrap();
    let outbox = world.records.outbox(10).await.unwrap();
    assert!(outbox.0.is_empty());
    let later = world.ok("GetUser").await;
    let date = |xml: &str| between(xml, "<CreateDate>", "</CreateDate>").to_owned();
    assert_eq!(date(&first), date(&later));
    world.log.set_failing(true);
    let refused = world.refused("CreateUser&UserName=w").await;
    assert_eq!(refused.0, "InternalFailure");
}

/// Many at once: quotas hold, nothing is lost, and whoever has an answer sees the change.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_the_same_time() {
    let world = std::sync::Arc::new(World::new().await);
    world.ok("CreateUser&UserName=shared").await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let world = world.clone();
        tasks.spawn(async move {
            for n in 0..10 {
                let name = format!("u{task}-{n}");
                world.ok(&format!("CreateUser&UserName={name}")).await;
                world.ok(&format!("GetUser&UserName={name}")).await;
            }
            let key = world
                .ask(&world.root(), "CreateAccessKey&UserName=shared")
                .await;
            let same = world.ask(&world.root(), "CreateUser&UserName=same").await;
            (key.is_ok(), same.is_ok())
        });
    }
    let (mut keys, mut same) = (0, 0);
    while let Some(done) = tasks.join_next().await {
        let (made_key, made_same) = done.unwrap();
        keys += usize::from(made_key);
        same += usize::from(made_same);
    }
    assert_eq!((keys, same), (2, 1));
    let account = keystead_types::AccountId::parse(ACCOUNT).unwrap();
    let snapshot = world.directory.world();
    assert_eq!(snapshot.account(account).users().len(), 82);
    let (stored, _) = world.records.identities_page(None, 1000).await.unwrap();
    assert_eq!(stored.len(), 83);
}

#[tokio::test]
async fn client_ids_of_providers_come_and_go() {
    let world = World::new().await;
    world
        .ok("CreateOpenIDConnectProvider&Url=https%3A%2F%2Fid.example.com&ClientIDList.member.1=one")
        .await;
    let arn = "arn:aws:iam::111122223333:oidc-provider/id.example.com";
    let on = |operation: &str, id: &str| {
        format!("{operation}OpenIDConnectProvider&OpenIDConnectProviderArn={arn}&ClientID={id}")
    };
    let known = async || {
        let get = format!("GetOpenIDConnectProvider&OpenIDConnectProviderArn={arn}");
        let xml = world.ok(&get).await;
        let list = between(&xml, "<ClientIDList>", "</ClientIDList>");
        let members = list.split("<member>").skip(1);
        let ids = members.map(|rest| rest.split('<').next().unwrap().to_owned());
        ids.collect::<Vec<String>>()
    };
    for _ in 0..2 {
        world.ok(&on("AddClientIDTo", "two")).await;
        assert_eq!(known().await, ["one", "two"]);
    }
    // Case counts.
    world.ok(&on("RemoveClientIDFrom", "ONE")).await;
    assert_eq!(known().await, ["one", "two"]);
    for _ in 0..2 {
        world.ok(&on("RemoveClientIDFrom", "one")).await;
        assert_eq!(known().await, ["two"]);
    }
    for number in 0..99 {
        world.ok(&on("AddClientIDTo", &format!("n{number}"))).await;
    }
    let (code, text) = world.refused(&on("AddClientIDTo", "over")).await;
    assert_eq!(code, "LimitExceeded", "{text}");
    world.ok(&on("AddClientIDTo", "two")).await;
    assert_eq!(known().await.len(), 100);
    for operation in ["AddClientIDTo", "RemoveClientIDFrom"] {
        let other = on(operation, "x").replace("id.example.com", "no.example.com");
        assert_eq!(world.refused(&other).await.0, "NoSuchEntity");
        let bad = on(operation, "x").replace("oidc-provider", "user");
        assert_eq!(world.refused(&bad).await.0, "InvalidInput");
        let long = on(operation, &"x".repeat(256));
        assert_eq!(world.refused(&long).await.0, "ValidationError");
    }
}

#[tokio::test]
async fn an_account_that_trust_names_by_its_number_is_shown_as_its_root() {
    let world = World::new().await;
    let trust = |principal: &str| {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Sid":"111122223333","Effect":"Allow","Principal":{{"AWS":{principal}}},"Action":"sts:AssumeRole"}}}}"#
        );
        encoded(&document)
    };
    let shown = async |form: &str| {
        let xml = world.ok(form).await;
        let document = between(
            &xml,
            "<AssumeRolePolicyDocument>",
            "</AssumeRolePolicyDocument>",
        );
        document.to_owned()
    };
    let root = |account: &str| format!(r#""arn:aws:iam::{account}:root""#);
    let has = |shown: &str, part: &str| shown.contains(&encoded(part));
    let form = format!(
        "CreateRole&RoleName=r&AssumeRolePolicyDocument={}",
        trust(r#""444455556666""#)
    );
    let made = shown(&form).await;
    assert!(has(&made, &root("444455556666")), "{made}");
    assert!(has(&made, r#""Sid":"111122223333""#), "{made}");
    assert_eq!(shown("GetRole&RoleName=r").await, made);
    let list = format!(r#"["111122223333",{}]"#, root("444455556666"));
    let update = format!(
        "UpdateAssumeRolePolicy&RoleName=r&PolicyDocument={}",
        trust(&list)
    );
    world.ok(&update).await;
    let updated = shown("GetRole&RoleName=r").await;
    let both = format!("[{},{}]", root("111122223333"), root("444455556666"));
    assert!(has(&updated, &both), "{updated}");
}
