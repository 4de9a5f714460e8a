//! What can stand in the audit trail. A new action is one line here.

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What happened; the name is the word in the record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Action] = &[$(Action::$name),+];

            /// The word in the record.
            pub fn word(self) -> &'static str {
                match self {
                    $(Action::$name => stringify!($name),)+
                }
            }
        }
    };
}

actions! {
    /// An account was made.
    AccountCreated,
    /// Something of the configuration changed, users and groups among it.
    ConfigurationChanged,
    /// A user's shared key was made or exchanged.
    SharedKeyRotated,
    /// A user's shared keys were ended, by themselves or with the user.
    SharedKeysRevoked,
    /// An OAuth client was made for a user.
    ClientCreated,
    /// An OAuth client was given a new secret.
    ClientRotated,
    /// An OAuth client was given a certificate or a public key.
    ClientCertified,
    /// A certificate or a public key was taken from an OAuth client; its tokens ended.
    ClientDecertified,
    /// An OAuth client was switched on.
    ClientActivated,
    /// An OAuth client was switched off; its tokens ended.
    ClientDeactivated,
    /// An OAuth client was removed, by itself or with its user; its tokens ended.
    ClientRevoked,
    /// The bearer tokens of an OAuth client, or of a user who was switched off, were ended.
    TokensEnded,
    /// A bearer token was issued.
    TokenIssued,
    /// A bearer token was revoked by its client.
    TokenRevoked,
    /// A bearer token was asked for and refused.
    TokenRefused,
    /// A call was refused: 401, 403, 404 of another account, 429.
    CallRefused,
    /// An export was started.
    ExportInitiated,
    /// An export's files began to be made.
    ExportStarted,
    /// An export's files are ready.
    ExportCompleted,
    /// An export's files could not be made, or were found damaged.
    ExportFailed,
    /// An export's user might not have it any more when it was ready.
    ExportDenied,
    /// Pages of an export were given out.
    ExportPagesRead,
    /// The last block was delivered: the token ended.
    ExportRetrieved,
    /// An export was committed: the token ended.
    ExportCommitted,
    /// The life of an export's token was over.
    ExportExpired,
    /// A bulk import was started.
    ImportInitiated,
    /// A bulk import was executed, or is about to be.
    ImportExecuted,
    /// A bulk import's last record was done with.
    ImportCompleted,
    /// A bulk import could not go on: its user lost the permission, or what was staged for it can't be read.
    ImportFailed,
    /// A callback was taken by its receiver.
    CallbackDelivered,
    /// A callback was given up: its receiver said 410, or took it in no attempt of a day.
    CallbackDead,
    /// The secret that signs an account's callbacks was made or exchanged.
    WebhookSecretRotated,
    /// The secret that signs an account's callbacks was shown.
    WebhookSecretShown,
    /// All data were copied to a backup.
    BackupMade,
    /// More happened at once than is noted one by one: how many records are missing here.
    NotRecorded,
}

impl Action {
    /// Whether anybody can make it happen as often as they like: the same again is then counted, not told each time.
    pub(crate) fn can_flood(self) -> bool {
        matches!(self, Action::CallRefused | Action::TokenRefused)
    }
}
