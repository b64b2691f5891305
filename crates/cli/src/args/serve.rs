//! Options of `colophon serve`.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use colophon_server::{Declared, ServeSettings};

/// `colophon serve`.
#[derive(Debug, Args)]
pub struct Service {
    /// Check settings, certificate, keys, policies, trust lists and ledger, and do not listen
    #[arg(long)]
    pub check: bool,
    /// Ask the service that runs with these settings whether it is ready
    #[arg(long, conflicts_with = "check")]
    pub probe: bool,
    /// The settings.
    #[command(flatten)]
    pub settings: SettingFlags,
}

/// One flag a setting of the service, as they are declared; by names of settings.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags(pub BTreeMap<String, String>);

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = ServeSettings::DECLARED.iter().filter_map(|setting| {
            let value = matches.get_one::<String>(setting.name)?;
            Some((setting.name.to_owned(), value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let heading = "Settings, as `serve.NAME` in config.toml and COLOPHON_SERVE_NAME";
        let flags = ServeSettings::DECLARED.iter().map(flag);
        command.next_help_heading(heading).args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &Declared) -> Arg {
    let about = setting.about.trim();
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let flag = Arg::new(setting.name);
    let flag = if setting.kind == "true or false" {
        flag.num_args(0..=1).default_missing_value("true")
    } else {
        flag
    };
    flag.long(setting.flag())
        .value_name("VALUE")
        .help(format!("{about}{default}"))
        // The short help shows what nearly everyone needs.
        .hide_short_help(setting.name != "listen")
}
