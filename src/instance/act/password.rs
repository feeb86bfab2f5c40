//! Passwords of machines that want them chosen: in the connection Secret before the call that sets them.

use secrecy::SecretString;

use super::Stage;
use super::outcome::{Acted, Outcome};
use crate::instance::connection::{self, Data};
use crate::instance::memory::NextPassword;
use crate::instance::observation::{InstanceView, SecretView};
use crate::instance::step::Change;

impl Stage<'_> {
    pub(super) async fn store_password(&self, key: &str) -> Acted {
        let mut data = match &self.seen.secret {
            SecretView::Ours { data, .. } => data.clone(),
            _ => Data::new(),
        };
        let password = password(&self.reconciler.environment.secret_bytes());
        data.insert(key.to_owned(), password.into_bytes());
        self.reconciler
            .remember(self.object.id(), |memory| memory.password = None);
        connection::write(&self.reconciler.client, self.object, &self.seen.secret, &data).await?;
        Ok(Outcome::told(Vec::new(), "before the call that sets it"))
    }

    /// One that is there already may have been sent by a process that died: it is kept, and looked after first.
    pub(super) async fn store_next_password(&self) -> Acted {
        let is_new = self.secret_text(connection::NEXT_PASSWORD).is_none();
        if is_new {
            self.store_password(connection::NEXT_PASSWORD).await?;
        }
        let at = self.reconciler.environment.now();
        self.reconciler.remember(self.object.id(), |memory| {
            memory.next_password = Some(NextPassword { at, is_new });
        });
        Ok(Outcome::told(Vec::new(), "about to reinstall the machine"))
    }

    pub(super) async fn keep_next_password(&self) -> Acted {
        connection::keep_next_password(&self.reconciler.client, self.object, &self.seen.secret).await?;
        self.reconciler
            .remember(self.object.id(), |memory| memory.next_password = None);
        Ok(Outcome::told(
            vec![Change::Transition(None)],
            "the machine is reinstalled; its password is the new one",
        ))
    }

    pub(super) fn secret_text(&self, key: &str) -> Option<SecretString> {
        match &self.seen.secret {
            SecretView::Ours { data, .. } => connection::text(data, key),
            _ => None,
        }
    }
}

/// A password of 24 characters that any vendor's rules for passwords accept: all four kinds of characters, none that
/// a shell minds.
fn password(bytes: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+=@%";
    let mut password: String = bytes
        .iter()
        .take(20)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 64)]))
        .collect();
    password.push_str("aA2-");
    password
}
