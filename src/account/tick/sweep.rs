//! After every list: machines that this installation made and that no object knows are reported and, where their
//! provider wants that, deleted on evidence.
//!
//! The order is what makes it safe. A claim is written before its machine is ordered: so an object whose machine is in
//! a list of the cloud is in every later list of the cluster, unless it is gone. First the cloud is listed, then the
//! cluster, by asking the API server itself; and from before that second list on, nobody in this process may adopt the
//! machine.

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use tracing::{info, warn};

use super::Ticker;
use crate::account::orphans::{self, Knowers, Outlook, Rules, Strays, outlook};
use crate::account::remembered::MOST_REMEMBERED;
use crate::account::resolve::ProviderView;
use crate::account::sessions::Connected;
use crate::account::{Account, Snapshot, controller};
use crate::api::BINDING_ANNOTATION;
use crate::api::provider::{Orphan, OrphanPolicy};
use crate::api::remote_name::{BindingAnnotation, object_key};
use crate::crash_point;
use crate::provider::{Kind, Machine};

/// Orphans that are dealt with after one list: it must not hold up the next for long.
const MOST_AT_ONCE: usize = 8;
/// How old the cluster's word may be when a call is sent.
const EVIDENCE_HOLDS: SignedDuration = SignedDuration::from_secs(30);

impl Ticker {
    /// The machines of the account's last list that no object in the cache knows.
    pub(super) fn strays(&self, account: &Account) -> Option<Strays> {
        let snapshot = account.latest()?;
        let mut known = self.known_to_objects();
        for provider in self.cache.providers() {
            known.released.extend(provider.released);
        }
        Some(orphans::find(&snapshot, &known, &self.installation))
    }

    /// What the objects in the cache know.
    pub(super) fn known_to_objects(&self) -> orphans::Known {
        let mut known = orphans::Known::default();
        for guarded in self.cache.instances() {
            known.objects.insert(object_key(&guarded.uid().unwrap_or_default()));
            let binding = guarded
                .annotations()
                .get(BINDING_ANNOTATION)
                .and_then(|text| BindingAnnotation::parse(text));
            known.instance_ids.extend(binding.map(|binding| binding.instance_id));
            if let Ok(instance) = &guarded.0 {
                let bound = instance.status.as_ref().and_then(|status| status.instance_id.clone());
                let asked_for = instance.spec.instance_id().map(ToOwned::to_owned);
                known.instance_ids.extend(bound.into_iter().chain(asked_for));
                let object = || format!("{}/{}", guarded.namespace().unwrap_or_default(), guarded.name_any());
                let replaced = instance.status.iter().flat_map(|status| &status.replaced);
                known.replaced.extend(replaced.map(|id| (id.clone(), object())));
            }
        }
        known
    }

    /// Takes in the orphans of the last list, and deals with those that are due.
    pub(super) async fn sweep(&self, connected: &Connected) {
        let account = &connected.account;
        let Ok(_turn) = account.sweeping.try_lock() else { return };
        let Some((snapshot, strays)) = account.latest().zip(self.strays(account)) else {
            return;
        };
        let told = &connected.provider.status;
        let found_before = |id: &str| told.orphan_found_at(id);
        let complete = snapshot.listing.proof.gap(None).is_none();
        account
            .orphans()
            .take(&strays.orphans, snapshot.begun, complete, found_before);
        let rules = self.rules(connected, &snapshot, &self.cache.providers());
        let due = self.due(account, &strays.orphans, &rules);
        if !due.is_empty() && (self.leads)() {
            self.clear_away(connected, &snapshot, due).await;
        }
    }

    /// Those that something is to be done about now, a few at a time.
    fn due(&self, account: &Account, orphans: &[Machine], rules: &Rules) -> Vec<Machine> {
        let now = self.environment.now();
        let mut sightings = account.orphans();
        let mut due = Vec::new();
        for machine in orphans {
            let outlook = sightings
                .get(&machine.id)
                .map(|sighting| outlook(machine, sighting, rules, now));
            let Some(outlook) = outlook else { continue };
            if outlook.acts() && due.len() < MOST_AT_ONCE {
                sightings.condemn(&machine.id);
                due.push(machine.clone());
            }
            sightings.change(&machine.id, |sighting| sighting.outlook = outlook);
        }
        due
    }

    /// What the providers of the account say of its orphans.
    fn rules(&self, connected: &Connected, snapshot: &Snapshot, providers: &[ProviderView]) -> Rules {
        let (account, capabilities) = (&connected.account.key, connected.driver.capabilities());
        let speaking = self.sessions.of_account(account);
        let speaks = |provider: &&ProviderView| {
            provider.spoke_for(account) || speaking.iter().any(|other| other.provider.key == provider.key)
        };
        let mut rules = Rules {
            incomplete: snapshot.listing.proof.gap(None),
            deletes_running: capabilities.deletes_running,
            ..Rules::default()
        };
        for provider in providers.iter().filter(speaks) {
            match provider.spec.orphans {
                OrphanPolicy::Delete => rules.delete = true,
                OrphanPolicy::Report => rules.report = Some(provider.key.to_string()),
            }
            rules.settle_after = rules.settle_after.max(provider.settle_after(capabilities));
            rules.made = earlier(rules.made, provider.made);
            rules.first_listed = earlier(rules.first_listed, provider.first_listed(account));
            rules.inherited.extend(provider.inherited.iter().cloned());
        }
        let is_full = |ids: &Vec<String>| ids.len() >= MOST_REMEMBERED;
        let forgetful = providers
            .iter()
            .find(|provider| is_full(&provider.released) || is_full(&provider.inherited));
        rules.forgetful = forgetful.map(|provider| {
            let key = &provider.key;
            format!("more machines were let go on purpose than {key} remembers, and this may be one of them")
        });
        rules
    }

    /// Asks the API server, then the cloud.
    async fn clear_away(&self, connected: &Connected, snapshot: &Snapshot, due: Vec<Machine>) {
        let begun = self.environment.now();
        let knowers = match Knowers::gather(&self.client).await {
            Ok(knowers) => knowers,
            Err(why) => {
                for machine in &due {
                    self.leave(connected, machine, &why);
                }
                return;
            }
        };
        let rules = self.rules(connected, snapshot, &knowers.providers);
        let mut due = due.into_iter();
        for machine in due.by_ref() {
            let outlook = match self.last_word(connected, &machine, &knowers, &rules) {
                Ok(outlook) => outlook,
                Err(why) => {
                    self.leave(connected, &machine, &why);
                    continue;
                }
            };
            let age = self.environment.now().duration_since(begun);
            let goes_on = age < EVIDENCE_HOLDS
                && (self.leads)()
                && self.get_rid_of(connected, &machine, outlook == Outlook::Stop).await;
            if !goes_on {
                break;
            }
        }
        for machine in due {
            connected.account.orphans().spare(&machine.id);
        }
    }

    /// What is to be done about an orphan by what the API server says; an error says why nothing.
    fn last_word(
        &self,
        connected: &Connected,
        machine: &Machine,
        knowers: &Knowers,
        rules: &Rules,
    ) -> Result<Outlook, String> {
        let account = &connected.account.key;
        if let Some(who) = knowers.knower(machine, account, &self.installation) {
            return Err(who);
        }
        let lets_go =
            |provider: &&ProviderView| provider.may_speak_for(account) && provider.released.contains(&machine.id);
        if let Some(provider) = knowers.providers.iter().find(lets_go) {
            return Err(format!("{} remembers that it was let go on purpose", provider.key));
        }
        let sighting = connected.account.orphans().get(&machine.id).cloned();
        let sighting = sighting.ok_or_else(|| "it was not seen again".to_owned())?;
        match outlook(machine, &sighting, rules, self.environment.now()) {
            outlook if outlook.acts() => Ok(outlook),
            Outlook::Kept(why) => Err(why),
            _ => Err("its provider has changed its mind".to_owned()),
        }
    }

    /// Leaves an orphan alone for a while.
    fn leave(&self, connected: &Connected, machine: &Machine, why: &str) {
        let note = format!("not deleted: {why}");
        warn!(provider = %connected.provider.key, instance = machine.id, why, "an orphan is not deleted");
        let headline = orphans::headline(machine, self.environment.now());
        let about = controller::reference(&connected.provider);
        self.events
            .warning(&about, "OrphanKept", "Sweep", format!("{headline}: {note}"));
        self.tried(connected, machine, false, note, false);
    }

    fn tried(&self, connected: &Connected, machine: &Machine, stop: bool, answer: String, condemned: bool) {
        let now = self.environment.now();
        let mut sightings = connected.account.orphans();
        if !condemned {
            sightings.spare(&machine.id);
        }
        sightings.change(&machine.id, |sighting| {
            sighting.note_try(stop, now, answer);
            let tried = sighting.tried.clone();
            sighting.outlook = tried.map_or(Outlook::Reported, |tried| Outlook::Tried(tried.again, tried.answer));
        });
    }

    /// Stops or deletes an orphan; `false` if the cloud is in no state to be asked for more.
    async fn get_rid_of(&self, connected: &Connected, machine: &Machine, stop: bool) -> bool {
        let (driver, account) = (&connected.driver, &connected.account);
        crash_point::reached(format_args!("sweep: about to ask"));
        let answer = if stop {
            let cheapest = driver.capabilities().stop_mode(None);
            driver.stop(machine, cheapest, None).await
        } else {
            driver.delete(machine).await
        };
        crash_point::reached(format_args!("sweep: asked"));
        let verb = if stop { "stop, before the delete," } else { "delete" };
        let (note, asked) = match &answer {
            Ok(()) => (format!("a {verb} was asked for"), true),
            Err(error) if matches!(error.kind, Kind::Ambiguous | Kind::Transient) => {
                let unclear = &error.message;
                (
                    format!("a {verb} was asked for, and whether it was done is unclear: {unclear}"),
                    true,
                )
            }
            Err(error) => (format!("the cloud refused the {verb}: {}", error.message), false),
        };
        info!(provider = %connected.provider.key, account = account.key.id, instance = machine.id, note, "an orphan is cleared away");
        self.tell_of_try(connected, machine, &note, asked);
        self.tried(connected, machine, stop, note, asked && !stop);
        if asked && !stop {
            self.metrics.orphan_deleted(account.key.cloud, &account.key.id);
        }
        account.want_list_after(self.environment.now());
        let in_no_state = [Kind::Ambiguous, Kind::Transient, Kind::RateLimited, Kind::Unauthorized];
        !answer.is_err_and(|error| in_no_state.contains(&error.kind))
    }

    fn tell_of_try(&self, connected: &Connected, machine: &Machine, note: &str, asked: bool) {
        let about = controller::reference(&connected.provider);
        let headline = orphans::headline(machine, self.environment.now());
        let note = format!("{headline}: {note}; no object in the cluster knows it, and spec.orphans is Delete");
        if asked {
            self.events.normal(&about, "OrphanDeleted", "Sweep", note);
        } else {
            self.events.warning(&about, "OrphanKept", "Sweep", note);
        }
    }

    /// Orphans as the provider's status shows them.
    pub(super) fn orphan_rows(&self, account: &Account, strays: &Strays) -> Vec<Orphan> {
        let now = self.environment.now();
        let sightings = account.orphans();
        let orphans = strays.orphans.iter();
        let orphans = orphans.map(|machine| orphans::row(machine, sightings.get(&machine.id), now));
        let returned = strays.returned.iter();
        let returned = returned.map(|(machine, object)| orphans::returned(machine, object, now));
        orphans.chain(returned).collect()
    }

    /// Tells of each orphan once, and again when it turns out that it is kept.
    pub(super) fn tell_orphans(&self, connected: &Connected, strays: &Strays) {
        let now = self.environment.now();
        let provider = &connected.provider;
        let before = self
            .memory()
            .get(&provider.key)
            .map(|memory| memory.orphans_told.clone())
            .unwrap_or_default();
        let mut told = std::collections::BTreeMap::new();
        for machine in &strays.orphans {
            let sighting = connected.account.orphans().get(&machine.id).cloned();
            // One list alone may lag behind an object that has just gone.
            let Some(sighting) = sighting.filter(|sighting| sighting.lists > 1) else {
                continue;
            };
            let kept = matches!(sighting.outlook, Outlook::Kept(_));
            if before.get(&machine.id) != Some(&kept) {
                let what = orphans::headline(machine, now);
                let becomes = orphans::message(&sighting.outlook);
                warn!(provider = %provider.key, instance = machine.id, name = machine.name, becomes, "no object knows a machine of this installation");
                self.events.warning(
                    &controller::reference(provider),
                    if kept { "OrphanKept" } else { "OrphanFound" },
                    "Sweep",
                    format!("{what} was made by this installation, but no object knows it: {becomes}"),
                );
            }
            told.insert(machine.id.clone(), kept);
        }
        self.remember(&provider.key, |memory| memory.orphans_told = told);
    }
}

/// The earlier of two moments, of which either may not be known.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
