//! Addresses as `SCNet` writes them. In which form it tells a shell's is not documented, so several are understood.

use secrecy::SecretString;

use crate::provider::{Ssh, jupyter, loose};

/// Who logs in where the cloud does not say: containers run as root.
const USER: &str = "root";

/// A shell's address: `ssh://user@host:port`, `user@host:port`, `host:port`, `ssh -p port user@host`. `None` where
/// it is not whole, or could do harm in a command line.
pub(super) fn ssh(text: &str) -> Option<Ssh> {
    let text = text.trim();
    let (place, port) = match text.strip_prefix("ssh ") {
        Some(command) => of_command(command)?,
        None => of_url(text)?,
    };
    let (user, host) = place.rsplit_once('@').unwrap_or((USER, place));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    (is_plain(user) && is_plain(host)).then(|| Ssh {
        host: host.to_owned(),
        port,
        user: user.to_owned(),
    })
}

/// `user@host` and the port of `ssh` with arguments in any order, the port glued to its flag or not.
fn of_command(command: &str) -> Option<(&str, &str)> {
    let (mut place, mut port) = (None, "22");
    let mut words = command.split_whitespace();
    while let Some(word) = words.next() {
        match word.strip_prefix("-p") {
            Some("") => port = words.next()?,
            Some(glued) => port = glued,
            None if word.starts_with('-') => return None,
            None => place = Some(word),
        }
    }
    Some((place?, port))
}

/// `user@host` and the port of a URL of any scheme, or of none.
fn of_url(text: &str) -> Option<(&str, &str)> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once(':')
}

fn is_plain(text: &str) -> bool {
    loose::is_plain(text) && !text.starts_with('-')
}

/// A web page's address without what opens it, and the token that was in it. One without a scheme is of HTTP.
pub(super) fn web(text: &str) -> Option<(String, Option<SecretString>)> {
    let text = text.trim();
    if text.contains("://") {
        jupyter::split(text)
    } else {
        jupyter::split(&format!("http://{text}"))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_shell_is_found_in_every_spelling() {
        for (text, expected) in [
            ("10.0.35.26:30022", Some("root@10.0.35.26:30022")),
            ("h3.scnet.cn:30022", Some("root@h3.scnet.cn:30022")),
            ("ssh://bob@h3.scnet.cn:30022", Some("bob@h3.scnet.cn:30022")),
            ("tcp://10.0.35.26:30022/", Some("root@10.0.35.26:30022")),
            ("http://10.0.35.26:30022", Some("root@10.0.35.26:30022")),
            ("bob@10.0.35.26:30022", Some("bob@10.0.35.26:30022")),
            ("ssh -p 30022 root@10.0.35.26", Some("root@10.0.35.26:30022")),
            ("ssh -p30022 root@10.0.35.26", Some("root@10.0.35.26:30022")),
            ("ssh bob@10.0.35.26 -p 30022", Some("bob@10.0.35.26:30022")),
            ("ssh bob@10.0.35.26", Some("bob@10.0.35.26:22")),
            ("10.0.35.26", None),
            ("10.0.35.26:0", None),
            ("10.0.35.26:99999", None),
            ("ssh -o ProxyCommand=x h:1", None),
            ("-oProxyCommand=x:22", None),
            ("a b:22", None),
            ("$(x):22", None),
            ("", None),
        ] {
            let found = ssh(text).map(|ssh| format!("{}@{}:{}", ssh.user, ssh.host, ssh.port));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_page_is_shown_without_what_opens_it() {
        for (text, expected, token) in [
            (
                "http://10.0.35.26:7090/jupyter-forward/6bdb/?token=s_6bdb",
                "http://10.0.35.26:7090/jupyter-forward/6bdb/",
                Some("s_6bdb"),
            ),
            ("https://me:hunter2@h/x#y", "https://h/x", None),
            ("10.0.35.26:18888", "http://10.0.35.26:18888", None),
        ] {
            let (url, secret) = web(text).unwrap();
            assert_eq!(url, expected);
            assert_eq!(secret.as_ref().map(ExposeSecret::expose_secret), token);
        }
        for text in ["", "javascript://x", "ftp://h"] {
            assert!(web(text).is_none(), "{text}");
        }
    }
}
