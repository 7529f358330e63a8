//! Levels, paths, and trees that are refused.

use std::sync::Arc;

use keystead_policy::{
    Case, Decision, Denial, Kind, Level, NamedPolicy, NoContext, Policy, PolicyKind, Request,
    decide,
};
use keystead_types::{AccountId, Principal};

use super::*;

fn account(digit: char) -> AccountId {
    AccountId::parse(&digit.to_string().repeat(12)).unwrap()
}

fn policy(kind: PolicyKind, effect: &str, action: &str) -> NamedPolicy {
    let principal = match kind {
        PolicyKind::ResourceControl => r#""Principal":"*","#,
        _ => "",
    };
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}",{principal}"Action":"{action}","Resource":"*"}}}}"#
    );
    NamedPolicy {
        name: format!("{effect} {action}").into(),
        policy: Arc::new(Policy::compile(kind, &document).unwrap()),
    }
}

fn scp(effect: &str, action: &str) -> Guardrails {
    Guardrails {
        service_control: vec![policy(PolicyKind::ServiceControl, effect, action)],
        ..Guardrails::default()
    }
}

fn member(digit: char, guardrails: Guardrails) -> MemberAccount {
    MemberAccount {
        account: account(digit),
        guardrails,
    }
}

fn unit(id: &str, guardrails: Guardrails, accounts: Vec<MemberAccount>, units: Vec<Unit>) -> Unit {
    Unit {
        id: id.to_owned(),
        guardrails,
        accounts,
        units,
    }
}

/// 1 is the management account; 2 stands in the root, 3 in a unit, 4 in a unit of that unit.
fn organization() -> Organization {
    let inner_limits = Guardrails {
        full_access: false,
        ..scp("Allow", "kms:*")
    };
    let own = Guardrails {
        resource_control: vec![policy(PolicyKind::ResourceControl, "Deny", "kms:Sign")],
        ..Guardrails::default()
    };
    let none = Guardrails::default;
    let inner = unit(
        "ou-ab12-inner",
        inner_limits,
        vec![member('4', own)],
        Vec::new(),
    );
    let outer = unit(
        "ou-ab12-outer",
        scp("Deny", "kms:Decrypt"),
        vec![member('3', none())],
        vec![inner],
    );
    Organization {
        id: "o-a1b2c3d4e5".to_owned(),
        management_account: account('1'),
        root: unit(
            "r-ab12",
            scp("Deny", "kms:Encrypt"),
            vec![member('1', scp("Deny", "*")), member('2', none())],
            vec![outer],
        ),
    }
}

fn decision(levels: &[Level], resource_levels: &[Level], action: &str) -> Decision {
    let root = Principal::Root {
        account: account('2'),
    };
    let case = Case {
        service_control: levels,
        resource_control: resource_levels,
        ..Case::default()
    };
    decide(
        &case,
        &Request {
            principal: &root,
            partition: "aws",
            action,
            resource: "*",
            resource_account: account('2'),
            unique_id: None,
            context: &NoContext,
        },
    )
}

#[test]
fn every_level_from_the_root_down_counts() {
    let organizations = Organizations::new(&[organization()]).unwrap();
    let member = |digit| organizations.membership(account(digit));
    let may = |digit, action| {
        let own = member(digit);
        decision(&own.service_control, &own.resource_control, action).is_allowed()
    };
    let actions = ["kms:Encrypt", "kms:Decrypt", "kms:Sign", "s3:GetObject"];
    let all = |digit| actions.map(|action| may(digit, action));
    assert_eq!(
        all('1'),
        [true; 4],
        "guardrails do not touch the management account"
    );
    assert_eq!(all('2'), [false, true, true, true]);
    assert_eq!(all('3'), [false, false, true, true]);
    assert_eq!(all('4'), [false, false, false, false]);
    assert_eq!(all('5'), [true; 4], "an account outside");
    let four = member('4');
    assert_eq!(
        four.path.as_deref(),
        Some("o-a1b2c3d4e5/r-ab12/ou-ab12-outer/ou-ab12-inner/")
    );
    assert_eq!(member('2').path.as_deref(), Some("o-a1b2c3d4e5/r-ab12/"));
    assert_eq!(member('1').organization.as_deref(), Some("o-a1b2c3d4e5"));
    assert!(member('5').organization.is_none());
    // The reason names the kind.
    let denied = decision(&four.service_control, &[], "s3:GetObject");
    assert_eq!(
        denied,
        Decision::Denied(Denial::Implicit(Kind::ServiceControl))
    );
    let denied = decision(&[], &four.resource_control, "kms:Sign");
    let Decision::Denied(Denial::Explicit(place)) = denied else {
        panic!("{denied:?}")
    };
    assert_eq!(place.kind, Kind::ResourceControl);
    assert!(decision(&[], &four.resource_control, "kms:Verify").is_allowed());
}

#[test]
fn a_level_without_full_access_and_without_policies_allows_nothing() {
    let mut organization = organization();
    organization.root.guardrails = Guardrails {
        full_access: false,
        ..Guardrails::default()
    };
    let organizations = Organizations::new(&[organization]).unwrap();
    let own = organizations.membership(account('2'));
    assert!(!decision(&own.service_control, &[], "kms:Sign").is_allowed());
}

#[test]
fn trees_that_contradict_themselves_are_refused() {
    let refused = |edit: fn(&mut Organization)| {
        let mut organization = organization();
        edit(&mut organization);
        Organizations::new(&[organization]).map(|_| ()).unwrap_err()
    };
    let twice = refused(|own| own.root.accounts.push(member('4', Guardrails::default())));
    assert_eq!(twice, OrganizationError::Twice(account('4')));
    let missing = refused(|own| own.management_account = account('9'));
    assert!(matches!(missing, OrganizationError::NoManagement(_, _)));
    let same = refused(|own| own.root.units[0].id = own.root.id.clone());
    assert_eq!(same, OrganizationError::Id("r-ab12".to_owned()));
    let both = Organizations::new(&[organization(), organization()]);
    assert!(matches!(both, Err(OrganizationError::Id(_))));
    let nested = |depth: usize| {
        let mut organization = organization();
        let mut inside = Vec::new();
        for level in 0..depth {
            let id = format!("ou-{level}");
            inside = vec![unit(&id, Guardrails::default(), Vec::new(), inside)];
        }
        organization.root.units = inside;
        Organizations::new(&[organization])
    };
    assert!(nested(UNIT_DEPTH_MAX).is_ok());
    assert!(matches!(
        nested(UNIT_DEPTH_MAX + 1),
        Err(OrganizationError::Deep(_))
    ));
}
