//! `sayso export` as a cron job runs it, and a door between it and the server, which stays where it is while servers come and go.

use std::{
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::{Api, SAYSO, World};

impl World {
    /// `sayso export` against this server, as the user of `api`, in this world's directory.
    pub fn export_command(&self, api: &Api, args: &[&str]) -> Command {
        let mut command = Command::new(SAYSO);
        command.arg("export").args(args).current_dir(self.dir.path());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SAYSO_") || name.ends_with("_proxy")) {
            command.env_remove(name);
        }
        command.env("SAYSO_URL", &self.url).env("SAYSO_CLIENT_ID", &api.client_id).env("SAYSO_SCOPE", &api.scope);
        command.env("SAYSO_CLIENT_SECRET", &api.client_secret).env("SAYSO_PATIENCE", "60s");
        command
    }

    /// Runs it; it must succeed. Gives what `--json` prints.
    #[track_caller]
    pub fn export_file(&self, api: &Api, args: &[&str]) -> Value {
        let out = self.export_command(api, args).arg("--json").output().unwrap();
        assert!(out.status.success(), "sayso export {args:?}: {}", said(&out));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    /// The names of files here whose name contains this, hidden ones too.
    pub fn found(&self, part: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.contains(part));
        names.sort();
        names
    }
}

/// What a command said for people.
pub fn said(out: &Output) -> String {
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// Starts a command, which is killed when this is dropped.
pub fn start(mut command: Command) -> Running {
    Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

/// A started command.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address that leads to a server, or to another one later.
pub struct Door {
    pub url: String,
    to: Arc<Mutex<String>>,
}

impl Door {
    /// Opens one to this server's root.
    pub async fn to(url: &str) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Door { url: format!("http://{}", listener.local_addr().unwrap()), to: Arc::default() };
        door.lead_to(url);
        let to = Arc::clone(&door.to);
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let address = to.lock().unwrap().clone();
                tokio::spawn(async move {
                    // Nobody behind the door: the caller is turned away.
                    if let Ok(mut outside) = TcpStream::connect(address).await {
                        let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                    }
                });
            }
        });
        door
    }

    /// From now on it leads there.
    pub fn lead_to(&self, url: &str) {
        *self.to.lock().unwrap() = url.strip_prefix("http://").unwrap().to_owned();
    }
}
