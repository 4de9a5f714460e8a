//! What `serve` runs with, resolved once from flag, environment, file and default, in this order (program.md). The rest of
//! the program sees only the outcome. Flag and environment come together: clap puts the flag first.

use std::{
    fmt, fs,
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use anyhow::Context;
use ipnet::IpNet;
use sayso_callbacks::{Policy, Settings as CallbackSettings};
use sayso_export::Settings as ExportSettings;
use sayso_import::Settings as ImportSettings;
use sayso_server::{Options, PublicUrl};
use sayso_store::Settings as StoreSettings;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    args::{DEFAULT_DATA, LogArgs, LogFormat, ServeArgs},
    data,
};

/// The most that a bulk import's Stage may be let take (docs/import.md: 28 MB).
const MOST_STAGED: u64 = 28 << 20;

/// Wrong usage that clap can't see: the program ends with 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// A length of time as it is written on the command line (`250ms`, `30s`, `15m`, `12h`, `7d`), in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = match unit.trim() {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            "d" => Some(86_400_000),
            _ => None,
        };
        let ms = unit.zip(number.parse::<u64>().ok()).and_then(|(unit, n)| n.checked_mul(unit));
        // Moments are signed: a longer span than this (292 million years) can't be added to one.
        ms.filter(|ms| i64::try_from(*ms).is_ok()).map(Span).ok_or_else(|| {
            format!(
                "{text:?} is no length of time; write a whole number and its unit, ms, s, m, h or d, such as 30s or 12h"
            )
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        match units.iter().find(|(ms, _)| self.0 > 0 && self.0.is_multiple_of(*ms)) {
            Some((ms, unit)) => write!(f, "{}{unit}", self.0 / ms),
            None => write!(f, "{}ms", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A number of bytes as it is written on the command line (`0B`, `512KiB`, `64MiB`, `2GiB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = match unit.trim() {
            "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            _ => None,
        };
        let bytes = unit.zip(number.parse::<u64>().ok()).and_then(|(unit, n)| n.checked_mul(unit));
        bytes.map(Size).ok_or_else(|| {
            format!("{text:?} is no size; write a whole number and its unit, B, KiB, MiB or GiB, such as 64MiB")
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A network as it is written on the command line: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(pub IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        network.map(Network).ok_or_else(|| {
            format!("{text:?} is no network; write an address, perhaps with the length of its prefix, such as 10.0.0.0/8 or ::1")
        })
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An address to listen on, from how it is written: `127.0.0.1:8080`, `[::1]:8080`.
///
/// # Errors
/// When it is another thing, such as a name: a name may stand for several addresses.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is no address to listen on; write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080"
        )
    })
}

fn read_listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The filter of tracing.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

impl Log {
    /// The command line's wishes (with the environment's), else the file's, else this default.
    pub fn resolve(args: &LogArgs, file: Option<String>, file_format: Option<LogFormat>, default: &str) -> Self {
        Self {
            filter: args.log.clone().or(file).unwrap_or_else(|| default.to_owned()),
            format: args.log_format.or(file_format).unwrap_or_default(),
        }
    }
}

/// What `serve` runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The files of the certificate and of its key, when TLS is spoken.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The address under which callers reach the server.
    pub public_url: Option<PublicUrl>,
    /// Failed sign-ins until somebody has to wait.
    pub login_failures: u16,
    /// Networks of proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most requests of an account in a minute.
    pub request_limit: Option<NonZeroU32>,
    /// How long a reader may take nothing.
    pub write_stall: Duration,
    /// Largest body of an import's Stage, bytes.
    pub import_stage_limit: u64,
    /// The import engine's settings.
    pub import: ImportSettings,
    /// The store's settings.
    pub store: StoreSettings,
    /// The export engine's settings.
    pub export: ExportSettings,
    /// Where callbacks may go.
    pub callbacks: Policy,
    /// The file with the certificates that receivers of callbacks may have theirs from.
    pub callback_ca: Option<PathBuf>,
    /// How long their answers may take.
    pub callback_timeout: Duration,
    /// The file that holds the present moment, in a sandbox.
    pub clock_file: Option<PathBuf>,
    /// What is logged.
    pub log: Log,
}

/// The file of `--config`: the flags' names with `_` for `-`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    data: Option<PathBuf>,
    #[serde(deserialize_with = "read_listen_address")]
    listen: Option<SocketAddr>,
    public_url: Option<PublicUrl>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    login_failures: Option<u16>,
    trusted_proxy: Option<Vec<Network>>,
    request_limit: Option<u32>,
    write_stall: Option<Span>,
    import_stage_limit: Option<Size>,
    disk_reserve: Option<Size>,
    key_file: Option<PathBuf>,
    token_life: Option<Span>,
    status_life: Option<Span>,
    kept_files_life: Option<Span>,
    sweep_interval: Option<Span>,
    workers: Option<usize>,
    max_limit: Option<u64>,
    last_block_replay: Option<Span>,
    allow_http_callbacks: Option<bool>,
    allow_callback_network: Option<Vec<Network>>,
    callback_ca: Option<PathBuf>,
    callback_timeout: Option<Span>,
    clock_file: Option<PathBuf>,
    hold_file: Option<PathBuf>,
    log: Option<String>,
    log_format: Option<LogFormat>,
}

/// Resolves the settings of `serve`.
///
/// # Errors
/// When the file can't be read; [`Usage`] when what it says can't be taken, or a value is out of bounds.
pub fn resolve(args: ServeArgs, log: &LogArgs) -> anyhow::Result<Settings> {
    let file = match &args.config {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| {
                format!("the settings file {} can't be read (--config, SAYSO_CONFIG)", path.display())
            })?;
            toml::from_str(&text).map_err(|error| Usage(format!("the settings file {}: {error}", path.display())))?
        }
        None => File::default(),
    };
    merge(args, file, log)
}

fn merge(args: ServeArgs, file: File, log: &LogArgs) -> anyhow::Result<Settings> {
    let default = ExportSettings::default();
    let life = |flag: Option<Span>, file: Option<Span>, default: i64| {
        flag.or(file).map_or(default, |span| i64::try_from(span.0).unwrap_or(i64::MAX))
    };
    let export = ExportSettings {
        token_life_ms: life(args.token_life, file.token_life, default.token_life_ms),
        status_life_ms: life(args.status_life, file.status_life, default.status_life_ms),
        kept_files_life_ms: life(args.kept_files_life, file.kept_files_life, default.kept_files_life_ms),
        last_block_replay_ms: life(args.last_block_replay, file.last_block_replay, default.last_block_replay_ms),
        sweep_every_ms: args.sweep_interval.or(file.sweep_interval).map_or(default.sweep_every_ms, |span| span.0),
        workers: args.workers.or(file.workers).unwrap_or(default.workers),
        max_limit: args.max_limit.or(file.max_limit).or(default.max_limit),
        hold_file: args.hold_file.or(file.hold_file),
    };
    let login_failures = args.login_failures.or(file.login_failures).unwrap_or(Options::default().login_failures);
    let import_stage_limit =
        args.import_stage_limit.or(file.import_stage_limit).map_or(Options::default().import_stage_body, |size| size.0);
    let bounds = [
        (
            login_failures > 100,
            &*format!("login_failures is {login_failures}: the brake would keep too much; give 0 to 100"),
        ),
        (export.workers == 0, "workers is 0: nothing would ever be exported; give 1 or more"),
        (export.max_limit == Some(0), "max_limit is 0: no page could hold a record; give 1 or more, or leave it out"),
        (
            args.write_stall.or(file.write_stall) == Some(Span(0)),
            "write_stall is 0: every reader would be cut off; give 1s or more",
        ),
        (
            args.callback_timeout.or(file.callback_timeout) == Some(Span(0)),
            "callback_timeout is 0: no callback could be delivered; give 1s or more",
        ),
        (
            import_stage_limit == 0 || import_stage_limit > MOST_STAGED,
            &*format!("import_stage_limit is {import_stage_limit} bytes; give a size from 1B to 28MiB"),
        ),
        (export.sweep_every_ms == 0, "sweep_interval is 0: the sweeper would never rest; give 1ms or more"),
    ];
    if let Some((_, words)) = bounds.into_iter().find(|(wrong, _)| *wrong) {
        return Err(Usage(words.to_owned()).into());
    }
    let tls = match (args.tls_cert.or(file.tls_cert), args.tls_key.or(file.tls_key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (certificate, _) => {
            let (given, missing) = if certificate.is_some() { ("cert", "key") } else { ("key", "cert") };
            let words = format!("tls_{given} is given and tls_{missing} is not: TLS needs both, or neither");
            return Err(Usage(words).into());
        }
    };
    Ok(Settings {
        tls,
        data: args.data.or(file.data).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA)),
        listen: args.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
        public_url: args.public_url.or(file.public_url),
        login_failures,
        trusted_proxies: networks(args.trusted_proxy.or(file.trusted_proxy)),
        request_limit: match args.request_limit.or(file.request_limit) {
            Some(per_minute) => NonZeroU32::new(per_minute),
            None => Options::default().request_limit,
        },
        write_stall: args
            .write_stall
            .or(file.write_stall)
            .map_or(Options::default().write_stall, |span| Duration::from_millis(span.0)),
        import_stage_limit,
        import: ImportSettings {
            sweep_every_ms: export.sweep_every_ms,
            hold_file: export.hold_file.clone(),
            ..ImportSettings::default()
        },
        store: StoreSettings {
            disk_reserve: args
                .disk_reserve
                .or(file.disk_reserve)
                .map_or(StoreSettings::default().disk_reserve, |size| size.0),
            key: data::key_source(args.key_file.or(file.key_file))?,
        },
        export,
        callbacks: Policy {
            http_to_loopback: args.allow_http_callbacks.or(file.allow_http_callbacks).unwrap_or(false),
            networks: networks(args.allow_callback_network.or(file.allow_callback_network)),
        },
        callback_ca: args.callback_ca.or(file.callback_ca),
        callback_timeout: args
            .callback_timeout
            .or(file.callback_timeout)
            .map_or(CallbackSettings::default().timeout, |span| Duration::from_millis(span.0)),
        clock_file: args.clock_file.or(file.clock_file),
        log: Log::resolve(log, file.log, file.log_format, "info"),
    })
}

fn networks(given: Option<Vec<Network>>) -> Vec<IpNet> {
    given.into_iter().flatten().map(|network| network.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        toml::from_str(text).unwrap()
    }

    fn settings(args: ServeArgs, text: &str) -> Settings {
        merge(args, file(text), &LogArgs::default()).unwrap()
    }

    #[test]
    fn without_a_word_the_defaults_count() {
        let settings = settings(ServeArgs::default(), "");
        assert_eq!(
            (settings.data.to_str(), settings.listen.to_string().as_str()),
            (Some("./sayso-data"), "127.0.0.1:8080")
        );
        assert_eq!((settings.export.token_life_ms, settings.export.last_block_replay_ms), (12 * 3_600_000, 0));
        assert_eq!((settings.callbacks, settings.callback_timeout), (Policy::default(), Duration::from_secs(10)));
        assert_eq!(settings.log, Log { filter: "info".to_owned(), format: LogFormat::Text });
    }

    #[test]
    fn the_file_counts_before_the_default_and_the_flag_before_the_file() {
        let text = "listen = \"0.0.0.0:9\"\ntoken_life = \"30m\"\nmax_limit = 50\nallow_http_callbacks = true\nlog = \"debug\"\nlog_format = \"json\"";
        let from_file = settings(ServeArgs::default(), text);
        assert_eq!(
            (from_file.listen.port(), from_file.export.token_life_ms, from_file.export.max_limit),
            (9, 1_800_000, Some(50))
        );
        assert_eq!(from_file.log, Log { filter: "debug".to_owned(), format: LogFormat::Json });

        let args = ServeArgs {
            listen: "127.0.0.1:10".parse().ok(),
            token_life: Some(Span(5)),
            allow_http_callbacks: Some(false),
            ..ServeArgs::default()
        };
        let log = LogArgs { log: Some("warn".to_owned()), log_format: None };
        let from_flag = merge(args, file(text), &log).unwrap();
        assert_eq!(
            (from_flag.listen.port(), from_flag.export.token_life_ms, from_flag.export.max_limit),
            (10, 5, Some(50))
        );
        assert!(
            from_file.callbacks.http_to_loopback && !from_flag.callbacks.http_to_loopback,
            "an explicit no counts before the file's yes"
        );
        assert_eq!(from_flag.log, Log { filter: "warn".to_owned(), format: LogFormat::Json });
    }

    #[test]
    fn a_name_the_file_does_not_know_is_refused() {
        let error = toml::from_str::<File>("token_live = \"1h\"").unwrap_err().to_string();
        assert!(error.contains("token_live") && error.contains("token_life"), "{error}");
    }

    #[test]
    fn values_with_which_nothing_would_work_are_wrong_usage() {
        for text in [
            "login_failures = 101",
            "tls_cert = \"a\"",
            "tls_key = \"a\"",
            "workers = 0",
            "max_limit = 0",
            "write_stall = \"0s\"",
            "sweep_interval = \"0s\"",
            "callback_timeout = \"0s\"",
            "import_stage_limit = \"29MiB\"",
        ] {
            let error = merge(ServeArgs::default(), file(text), &LogArgs::default()).unwrap_err();
            assert!(error.is::<Usage>(), "{text}: {error}");
        }
        let words = |text: &str| merge(ServeArgs::default(), file(text), &LogArgs::default()).unwrap_err().to_string();
        assert!(words("login_failures = 101").starts_with("login_failures is 101: "));
        assert!(words("import_stage_limit = \"29MiB\"").starts_with("import_stage_limit is 30408704 bytes; "));
    }

    #[test]
    fn what_is_no_address_to_listen_on_is_named() {
        for text in ["localhost:8080", "8080", "127.0.0.1", ":8080", ""] {
            let error = listen_address(text).unwrap_err();
            assert!(error.contains(&format!("{text:?} is no address")) && error.contains("[::1]:8080"), "{error}");
            let error = toml::from_str::<File>(&format!("listen = {text:?}")).unwrap_err().to_string();
            assert!(error.contains("is no address to listen on"), "{error}");
        }
        assert_eq!(listen_address("[::1]:0").map(|address| address.to_string()), Ok("[::1]:0".to_owned()));
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let limit = |text: &str| settings(ServeArgs::default(), text).request_limit.map(NonZeroU32::get);
        assert_eq!((limit(""), limit("request_limit = 5"), limit("request_limit = 0")), (Some(600_000), Some(5), None));
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [("0B", 0), ("512 KiB", 512 << 10), ("64MiB", 64 << 20), ("2GiB", 2 << 30)] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        for text in ["", "64", "MiB", "-1B", "64MB", "99999999999GiB"] {
            assert!(text.parse::<Size>().unwrap_err().contains("64MiB"), "{text}");
        }
        assert_eq!(settings(ServeArgs::default(), "disk_reserve = \"1MiB\"").store.disk_reserve, 1 << 20);
    }

    #[test]
    fn networks_are_read_with_or_without_a_prefix() {
        let read = |text: &str| text.parse::<Network>().map(|n| n.0.to_string());
        assert_eq!(read("10.0.0.0/8"), Ok("10.0.0.0/8".to_owned()));
        assert_eq!(read("192.0.2.1"), Ok("192.0.2.1/32".to_owned()));
        assert_eq!(read("::1"), Ok("::1/128".to_owned()));
        for text in ["", "10.0.0.0/33", "10.0.0/8", "proxy.example.org", "::/129"] {
            assert!(read(text).unwrap_err().contains("10.0.0.0/8"), "{text}");
        }
        let both = settings(ServeArgs::default(), "trusted_proxy = [\"127.0.0.1\", \"fd00::/8\"]").trusted_proxies;
        assert_eq!(both.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1/32", "fd00::/8"]);
    }

    #[test]
    fn lengths_of_time_are_read_and_written_alike() {
        for text in ["250ms", "30s", "15m", "12h", "7d", "0ms"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("90 s".parse(), Ok(Span(90_000)));
        for text in ["", "5", "h", "-1s", "1.5h", "1y", "99999999999999999999s", "9223372036854775807s"] {
            assert!(text.parse::<Span>().unwrap_err().contains("12h"), "{text}");
        }
    }
}
