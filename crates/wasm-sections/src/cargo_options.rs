//! The options of `cargo build` that `cargo wasm-sections` passes on.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use std::ffi::OsString;

/// An option of `cargo build`.
struct CargoOption {
    long: &'static str,
    short: Option<char>,
    /// The name of its value. An option with a value may be repeated.
    value: Option<&'static str>,
    help: &'static str,
}

const fn flag(long: &'static str, short: Option<char>, help: &'static str) -> CargoOption {
    CargoOption {
        long,
        short,
        value: None,
        help,
    }
}

const fn valued(
    long: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
) -> CargoOption {
    CargoOption {
        long,
        short,
        value: Some(value),
        help,
    }
}

const OPTIONS: &[CargoOption] = &[
    valued("package", Some('p'), "SPEC", "Build this package"),
    flag("workspace", None, "Build all packages of the workspace"),
    flag("all", None, "The same as --workspace"),
    valued("exclude", None, "SPEC", "Do not build this package"),
    flag("lib", None, "Build only the library"),
    flag("bins", None, "Build all binaries"),
    valued("bin", None, "NAME", "Build only this binary"),
    flag("examples", None, "Build all examples"),
    valued("example", None, "NAME", "Build only this example"),
    flag("tests", None, "Build all tests"),
    valued("test", None, "NAME", "Build only this test"),
    flag("all-targets", None, "Build all targets"),
    valued("features", Some('F'), "FEATURES", "Features to activate"),
    flag("all-features", None, "Activate all features"),
    flag(
        "no-default-features",
        None,
        "Do not activate the default feature",
    ),
    flag("release", Some('r'), "Build with optimizations"),
    valued("profile", None, "NAME", "Build with this profile"),
    valued(
        "target",
        None,
        "TRIPLE",
        "Build for this target (default: `build.target`, if it is a wasm target; else \
        the one whose linker is wasm-section-ld; else wasm32-unknown-unknown)",
    ),
    valued(
        "target-dir",
        None,
        "DIRECTORY",
        "Directory for what is built",
    ),
    valued("manifest-path", None, "PATH", "Path to Cargo.toml"),
    valued("lockfile-path", None, "PATH", "Path to Cargo.lock"),
    valued("jobs", Some('j'), "N", "Number of parallel jobs"),
    flag("keep-going", None, "Do not stop at the first error"),
    flag(
        "ignore-rust-version",
        None,
        "Ignore `rust-version` of packages",
    ),
    flag("locked", None, "Do not change Cargo.lock"),
    flag("offline", None, "Do not use the network"),
    flag("frozen", None, "The same as --locked --offline"),
    valued(
        "config",
        None,
        "KEY=VALUE|PATH",
        "Override a value of cargo's configuration",
    ),
    valued("color", None, "WHEN", "auto, always or never"),
    flag(VERBOSE, Some('v'), "Print more"),
    flag("quiet", Some('q'), "Print nothing of cargo"),
    flag("timings", None, "Write a report of how long units took"),
];

/// The only flag that counts.
const VERBOSE: &str = "verbose";

/// The unstable options, which have no long name.
const UNSTABLE: &str = "Z";

/// The options that were given, each with its value, if it has one.
#[derive(Debug, Clone, Default)]
pub struct CargoOptions(Vec<(&'static str, Option<OsString>)>);

impl CargoOptions {
    /// The options as arguments for cargo.
    pub fn arguments(&self) -> impl Iterator<Item = OsString> {
        self.0.iter().map(|(name, value)| {
            let mut argument = OsString::from(match *name {
                UNSTABLE => format!("-{name}"),
                _ => format!("--{name}"),
            });
            if let Some(value) = value {
                argument.push(if *name == UNSTABLE { "" } else { "=" });
                argument.push(value);
            }
            argument
        })
    }

    /// Whether a flag was given.
    pub fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == flag)
    }

    /// The values of an option.
    pub fn values(&self, option: &str) -> impl Iterator<Item = &OsString> {
        let given = self.0.iter().filter(move |(name, _)| *name == option);
        given.filter_map(|(_, value)| value.as_ref())
    }
}

impl Args for CargoOptions {
    fn augment_args(command: Command) -> Command {
        let options = OPTIONS.iter().map(|option| {
            let arg = Arg::new(option.long)
                .long(option.long)
                .help(option.help)
                .help_heading("Options of cargo build")
                .global(true);
            let arg = match option.short {
                Some(short) => arg.short(short),
                None => arg,
            };
            match option.value {
                Some(name) => arg
                    .value_name(name)
                    .value_parser(clap::value_parser!(OsString))
                    .action(ArgAction::Append),
                None if option.long == VERBOSE => arg.action(ArgAction::Count),
                None => arg.action(ArgAction::SetTrue),
            }
        });
        let unstable = Arg::new(UNSTABLE)
            .short('Z')
            .value_name("FLAG")
            .help("Unstable option of cargo")
            .help_heading("Options of cargo build")
            .value_parser(clap::value_parser!(OsString))
            .action(ArgAction::Append)
            .global(true);
        command.args(options).arg(unstable)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CargoOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Vec::new();
        let valued = |name: &'static str| {
            let values = matches.get_many::<OsString>(name).into_iter().flatten();
            values.map(move |value| (name, Some(value.clone())))
        };
        for option in OPTIONS {
            match option.value {
                Some(_) => given.extend(valued(option.long)),
                None => {
                    let count = match option.long {
                        VERBOSE => matches.get_count(VERBOSE),
                        flag => matches.get_flag(flag).into(),
                    };
                    given.extend((0..count).map(|_| (option.long, None)));
                }
            }
        }
        given.extend(valued(UNSTABLE));
        Ok(Self(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
