//! Where a shell is, told as a command line: `ssh -p30099 root@host`, in whatever order and spelling.

use crate::provider::{Ssh, loose};

/// Options of ssh that take a value, glued to them or as the next word.
const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";
/// Where ssh goes if nobody says.
const USUAL_PORT: u16 = 22;
/// Whom the vendor's machines let in.
const USUAL_USER: &str = "root";

/// The shell that a command opens; `None` unless all of it can be read and none of it could do harm in a command line.
pub(super) fn parse(command: &str) -> Option<Ssh> {
    let mut words = words(command)?.into_iter().peekable();
    let is_command = words.next_if(|word| word == "ssh" || word.ends_with("/ssh")).is_some();
    let mut found = Found::default();
    let mut destination: Option<String> = None;
    while let Some(word) = words.next() {
        match word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            Some("-") => {}
            Some(options) => found.options(options, || words.next())?,
            // What follows the destination is a command to run there.
            None => destination = destination.or(Some(word)),
        }
    }
    // A lone word is no command, and may be anything.
    let destination = destination.filter(|word| is_command || found.port.is_some() || word.contains('@'));
    found.destination(&destination?)
}

/// What the options say.
#[derive(Default)]
struct Found {
    port: Option<u16>,
    user: Option<String>,
}

impl Found {
    /// Reads a word of options, such as `p30099`, `Np` (its value is the next word) or `oPort=30099`.
    fn options(&mut self, word: &str, mut next: impl FnMut() -> Option<String>) -> Option<()> {
        for (at, letter) in word.char_indices() {
            if !letter.is_ascii_alphanumeric() {
                return None;
            }
            if !WITH_VALUE.contains(letter) {
                continue;
            }
            let glued = word[at + 1..].trim_start_matches('=');
            let value = if glued.is_empty() { next()? } else { glued.to_owned() };
            return self.option(letter, &value);
        }
        Some(())
    }

    fn option(&mut self, letter: char, value: &str) -> Option<()> {
        match letter {
            'p' => self.port = Some(port(value)?),
            'l' => self.user = Some(value.to_owned()),
            'o' => {
                let (name, value) = value.split_once(['=', ' ']).unwrap_or((value, ""));
                match name.to_ascii_lowercase().as_str() {
                    "port" => self.port = Some(port(value)?),
                    "user" => self.user = Some(value.trim().to_owned()),
                    _ => {}
                }
            }
            _ => {}
        }
        Some(())
    }

    /// `user@host`, `host`, `ssh://user@host:port`; ssh itself does not know `host:port`, but people write it.
    fn destination(self, text: &str) -> Option<Ssh> {
        let text = text.strip_prefix("ssh://").unwrap_or(text).trim_end_matches('/');
        let (user, host) = match text.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, text),
        };
        let (host, in_host) = match host.split_once(':') {
            Some((host, digits)) => (host, Some(port(digits)?)),
            None => (host, None),
        };
        let user = user.or(self.user).unwrap_or_else(|| USUAL_USER.to_owned());
        let is_safe = |word: &str| loose::is_plain(word) && !word.starts_with('-');
        (is_safe(host) && is_safe(&user)).then(|| Ssh {
            host: host.to_owned(),
            port: self.port.or(in_host).unwrap_or(USUAL_PORT),
            user,
        })
    }
}

fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}

/// The words of a command line, quotes taken off; `None` where one is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(command: &str) -> Option<(String, u16, String)> {
        parse(command).map(|ssh| (ssh.host, ssh.port, ssh.user))
    }

    #[test]
    fn every_spelling_of_one_command_means_the_same() {
        for command in [
            "ssh -p30099 root@h.gws.neolink-ai.com",
            "ssh -p 30099 root@h.gws.neolink-ai.com",
            "  ssh   -p  30099   root@h.gws.neolink-ai.com  ",
            "ssh root@h.gws.neolink-ai.com -p30099",
            "ssh root@h.gws.neolink-ai.com -p 30099",
            "root@h.gws.neolink-ai.com -p 30099",
            "-p30099 root@h.gws.neolink-ai.com",
            "ssh -p=30099 root@h.gws.neolink-ai.com",
            "ssh -l root -p 30099 h.gws.neolink-ai.com",
            "ssh -lroot h.gws.neolink-ai.com -p30099",
            "ssh -p30099 h.gws.neolink-ai.com",
            "ssh -o Port=30099 root@h.gws.neolink-ai.com",
            "ssh -oPort=30099 -o User=root h.gws.neolink-ai.com",
            "ssh -o 'Port 30099' root@h.gws.neolink-ai.com",
            "ssh -o StrictHostKeyChecking=no -p30099 root@h.gws.neolink-ai.com",
            "ssh -o \"StrictHostKeyChecking no\" -i ~/.ssh/id_rsa -4 -vA -p 30099 root@h.gws.neolink-ai.com",
            "ssh -Np 30099 -L 8888:localhost:8888 root@h.gws.neolink-ai.com",
            "/usr/bin/ssh -p30099 -- root@h.gws.neolink-ai.com",
            "ssh -p30099 root@h.gws.neolink-ai.com nvidia-smi now",
            "ssh ssh://root@h.gws.neolink-ai.com:30099",
            "ssh root@h.gws.neolink-ai.com:30099",
        ] {
            let expected = ("h.gws.neolink-ai.com".to_owned(), 30099, "root".to_owned());
            assert_eq!(read(command), Some(expected), "{command}");
        }
        assert_eq!(read("ssh ubuntu@h"), Some(("h".to_owned(), 22, "ubuntu".to_owned())));
    }

    #[test]
    fn what_is_not_whole_or_not_safe_is_not_there() {
        for command in [
            "",
            "ssh",
            "pending",
            "7",
            "ssh -p30099",
            "ssh -p root@h",
            "ssh -p0 root@h",
            "ssh -p 65536 root@h",
            "ssh root@h -p",
            "ssh root@ -p1",
            "ssh -p1 root@h;reboot",
            "ssh -p1 'root@h x'",
            "ssh -p1 $(id)@h",
            "ssh -p1 root@`id`",
            "ssh -p1 root@-oProxyCommand=x",
            "ssh -p1 \"root@h",
            "ssh -p1 root@h:x",
            "ssh -p1 root@[::1]",
            "ssh -p1 中@h",
            "ssh -é root@h",
        ] {
            assert_eq!(read(command), None, "{command}");
        }
    }
}
