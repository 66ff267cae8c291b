//! What the demo asks, and what it must hear.

use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::report::{Decision, Report, Row, median_us};
use super::stage::{CLUSTER_ID, DemoError, Stage};
use super::sts::{Behaviour, Principal};

/// The server's config at the start. Of the made-up accounts one maps single principals, the other a family of roles.
pub(super) const CONFIG: &str = r#"clusterID: demo.iam-bridge.example
server:
  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Deployer
    username: deployer:{{SessionName}}
    groups: [deployers]
  - sso: {permissionSetName: View, accountID: "111122223333"}
    username: sso:{{SessionName}}
    groups: [viewers]
  - rolearnLike: arn:aws:iam::444455556666:role/team-*
    username: team:{{SessionName}}
    groups: [teams]
  - rolearn: arn:aws:iam::111122223333:role/Former
    username: former:{{SessionName}}
    groups: [deployers]
  mapUsers:
  - userarn: arn:aws:iam::111122223333:user/bob
    username: bob
    groups: [developers]
  deny:
  - arn: arn:aws:iam::111122223333:role/Former
    reason: left the team
"#;

/// What is added to `mapRoles` while the server runs.
const ADDED_ROLE: &str = "  mapRoles:
  - rolearn: arn:aws:iam::111122223333:role/Newcomer
    username: newcomer:{{SessionName}}
    groups: [deployers]
";

/// Times each token is asked about after the first; the median is told.
const AGAIN: usize = 9;

/// An edit is seen within 2 s; on a machine that is very busy it may take longer.
const EDIT_LIMIT: Duration = Duration::from_secs(20);

/// The principals of the demo; their keys are random.
struct People {
    deployer: Principal,
    user: Principal,
    sso: Principal,
    team: Principal,
    former: Principal,
    newcomer: Principal,
    late: Principal,
}

/// One question with all that is expected of it.
struct Question<'q> {
    shows: &'static str,
    caller: &'q Principal,
    token: &'q SecretString,
    expected: Decision,
    sts_calls: u64,
}

/// Asks everything; the STS is honest again afterwards.
pub(super) async fn play(stage: &mut Stage) -> Result<Report, DemoError> {
    let people = People::introduce(stage)?;
    let mut rows = people.are_mapped(stage).await?;
    rows.extend(people.are_refused(stage).await?);
    rows.extend(people.meet_an_edit(stage).await?);
    rows.extend(people.meet_an_outage(stage).await?);
    Ok(Report::new(CLUSTER_ID, rows))
}

impl People {
    fn introduce(stage: &Stage) -> Result<Self, DemoError> {
        let role = |name: &str, session: &str| Principal::role_session("111122223333", name, session);
        let people = Self {
            deployer: stage.guest().clone(),
            user: Principal::user("111122223333", "bob")?,
            sso: role("AWSReservedSSO_View_0123456789abcdef", "carol")?,
            team: Principal::role_session("444455556666", "team-payments", "dan")?,
            former: role("Former", "erin")?,
            newcomer: role("Newcomer", "frank")?,
            late: role("Deployer", "grace")?,
        };
        let Self { deployer, user, sso, team, former, newcomer, late } = &people;
        for principal in [deployer, user, sso, team, former, newcomer, late] {
            stage.sts().add(principal.clone());
        }
        Ok(people)
    }

    async fn are_mapped(&self, stage: &mut Stage) -> Result<Vec<Row>, DemoError> {
        let mut rows = Vec::new();
        for (shows, caller, expected) in [
            ("a role", &self.deployer, Decision::allowed("deployer:alice", "deployers")),
            ("a user", &self.user, Decision::allowed("bob", "developers")),
            ("an SSO role", &self.sso, Decision::allowed("sso:carol", "viewers")),
            ("a wildcard", &self.team, Decision::allowed("team:dan", "teams")),
        ] {
            let token = &stage.token(caller)?;
            rows.push(stage.row(Question { shows, caller, token, expected, sts_calls: 1 }).await?);
        }
        Ok(rows)
    }

    async fn are_refused(&self, stage: &mut Stage) -> Result<Vec<Row>, DemoError> {
        let caller = &self.deployer;
        // A thief who saw the key id and the session token, and guesses the secret.
        let thief = Principal { secret_access_key: caller.with_new_key()?.secret_access_key, ..caller.clone() };
        let forged = stage.token(&thief)?;
        let foreign = stage.token_for(caller, "another-cluster", stage.now())?;
        let old = stage.token_for(caller, CLUSTER_ID, stage.now().plus(-16 * 60))?;
        let denied = stage.token(&self.former)?;
        let mut rows = Vec::new();
        for (shows, caller, token, reason, sts_calls) in [
            ("a denied principal", &self.former, &denied, "denied", 1),
            ("a forged signature", caller, &forged, "sts_refused", 1),
            ("another cluster's token", caller, &foreign, "sts_refused", 1),
            ("an expired token", caller, &old, "token_expired", 0),
        ] {
            let expected = Decision::refused(reason);
            rows.push(stage.row(Question { shows, caller, token, expected, sts_calls }).await?);
        }
        Ok(rows)
    }

    /// A role is mapped while the server runs; its token, refused before, works at once and without STS.
    async fn meet_an_edit(&self, stage: &mut Stage) -> Result<Vec<Row>, DemoError> {
        let caller = &self.newcomer;
        let token = &stage.token(caller)?;
        let unmapped = Decision::refused("not_mapped");
        let before = Question { shows: "not yet mapped", caller, token, expected: unmapped.clone(), sts_calls: 1 };
        let before = stage.row(before).await?;

        stage.rewrite_config(&CONFIG.replace("  mapRoles:\n", ADDED_ROLE))?;
        let edited = Instant::now();
        stage.ask_until_not(&unmapped, token).await?;
        let waited = edited.elapsed().as_millis();

        let expected = Decision::allowed("newcomer:frank", "deployers");
        let after = Question { shows: "mapped while running", caller, token, expected, sts_calls: 0 };
        let mut after = stage.row(after).await?;
        after.note = Some(format!("seen {waited} ms after the config file was replaced"));
        Ok(vec![before, after])
    }

    /// STS resets every connection: who is known stays known, who is not is refused.
    async fn meet_an_outage(&self, stage: &mut Stage) -> Result<Vec<Row>, DemoError> {
        let known = &stage.token(&self.deployer)?;
        stage.ask(known).await?;
        let new = &stage.token(&self.late)?;
        stage.sts().behave(Behaviour::Down);
        let (caller, expected) = (&self.deployer, Decision::allowed("deployer:alice", "deployers"));
        let known = Question { shows: "STS off, known caller", caller, token: known, expected, sts_calls: 0 };
        let known = stage.row(known).await?;
        let (caller, expected) = (&self.late, Decision::refused("sts_unreachable"));
        let new = Question { shows: "STS off, new caller", caller, token: new, expected, sts_calls: 0 };
        let new = stage.row(new).await?;
        stage.sts().behave(Behaviour::Honest);
        Ok(vec![known, new])
    }
}

impl Stage {
    async fn row(&mut self, question: Question<'_>) -> Result<Row, DemoError> {
        let Question { shows, caller, token, expected, sts_calls } = question;
        let calls_before = self.sts().calls();
        let first = self.ask(token).await?;
        let decision = Decision::of(&first);
        let mut times = Vec::with_capacity(AGAIN);
        let mut same_again = true;
        for _ in 0..AGAIN {
            let again = self.ask(token).await?;
            same_again &= Decision::of(&again) == decision;
            times.push(again.took);
        }
        let calls = self.sts().calls().saturating_sub(calls_before);
        Ok(Row {
            shows,
            caller: caller.arn.clone(),
            as_expected: decision == expected && same_again && calls == sts_calls,
            decision,
            expected,
            first_us: first.took.as_micros(),
            again_us: median_us(times),
            sts_calls: calls,
            note: None,
        })
    }

    /// Asks until the answer changes. An answer that never does shows in the row that follows.
    async fn ask_until_not(&mut self, old: &Decision, token: &SecretString) -> Result<(), DemoError> {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        let asking = async {
            loop {
                ticks.tick().await;
                if Decision::of(&self.ask(token).await?) != *old {
                    return Ok(());
                }
            }
        };
        tokio::time::timeout(EDIT_LIMIT, asking).await.unwrap_or(Ok(()))
    }
}
