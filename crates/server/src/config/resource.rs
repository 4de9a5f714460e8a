//! What a kind of configured thing is, so that the calls can be written once.

use sayso_model::{
    config::{Configuration, Kind},
    id::fold,
    refusal::Refusal,
};
use sayso_store::account::Account;
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    access::{Caller, Permission},
    error::ApiError,
};

/// The words of a kind.
pub(crate) struct Words {
    /// In the ledger.
    pub kind: Kind,
    /// One of them, for people: `email type`.
    pub one: &'static str,
    /// The same with its article.
    pub a: &'static str,
    /// All of them, for people.
    pub many: &'static str,
    /// One and all, in the names of operations: `EmailType`, `EmailTypes`.
    pub operation: (&'static str, &'static str),
    /// The member of an answer that lists them.
    pub list: &'static str,
    /// The member that names one: `TypeName`.
    pub name: &'static str,
    /// The member that numbers one, if it has a number: addresses then hold that, otherwise the name.
    pub number: Option<&'static str>,
    /// A name that one may have.
    pub example: &'static str,
    /// What addresses call it: `typeId`.
    pub parameter: &'static str,
    /// The path of all, behind the account.
    pub all: &'static str,
    /// The path to make one at.
    pub make: &'static str,
    /// The path of one, without what is behind the last slash.
    pub at: &'static str,
    /// The same for changing it.
    pub change: &'static str,
}

/// A kind.
pub(crate) trait Resource: Send + Sync + 'static {
    /// How it is called.
    const WORDS: Words;
    /// What reading needs.
    type View: Permission;
    /// What changing needs.
    type Edit: Permission;
    /// The form on the wire, both ways; read-only members are ignored in input.
    type Wire: Serialize + DeserializeOwned + ToSchema + Send + 'static;

    /// The names of all.
    fn names(c: &Configuration) -> Vec<&str>;
    /// The names of those that a list shows by themselves.
    fn listed(c: &Configuration) -> Vec<&str> {
        Self::names(c)
    }
    /// Whether the name is taken.
    fn is_taken(c: &Configuration, name: &str) -> bool {
        Self::names(c).iter().any(|n| fold(n) == fold(name))
    }
    /// One of them as it is shown.
    fn show(account: &Account, name: &str) -> Option<Self::Wire>;
    /// The name that one has.
    fn name(wire: &Self::Wire) -> &str;
    /// Puts one in the place of the former one or, when there was none, at the end. Gives where it stands then, for messages
    /// ([`sayso_store::account::Edit::within`]).
    fn put(c: &mut Configuration, former: Option<&str>, wire: Self::Wire) -> Result<Vec<String>, Refusal>;
    /// Takes one out.
    fn remove(c: &mut Configuration, name: &str);
    /// Whether the caller may know of it.
    fn may_view(_caller: &Caller, _name: &str) -> bool {
        true
    }
    /// Whether the caller may change or remove the one there is.
    fn may_edit(_caller: &Caller, _name: &str) -> Result<(), ApiError> {
        Ok(())
    }
    /// Whether the caller may save this, beyond what changing needs.
    fn may_save(_caller: &Caller, _former: Option<&str>, _wire: &Self::Wire) -> Result<(), ApiError> {
        Ok(())
    }
    /// What belongs to one that was just made, beside what the caller sent.
    fn made(_caller: &Caller, _c: &mut Configuration, _name: &str) {}
}

/// A kind that is a list of the configuration.
pub(crate) trait InList: Send + Sync + 'static {
    /// See [`Resource`].
    const WORDS: Words;
    /// See [`Resource`].
    type View: Permission;
    /// See [`Resource`].
    type Edit: Permission;
    /// See [`Resource`].
    type Wire: Serialize + DeserializeOwned + ToSchema + Send + 'static;
    /// As the configuration has it.
    type Item;

    /// The list.
    fn list(c: &Configuration) -> &Vec<Self::Item>;
    /// The list.
    fn list_mut(c: &mut Configuration) -> &mut Vec<Self::Item>;
    /// The name that an item has.
    fn item_name(item: &Self::Item) -> &str;
    /// Whether it is of this kind: some lists hold several.
    fn belongs(_item: &Self::Item) -> bool {
        true
    }
    /// See [`Resource::listed`].
    fn is_listed(_item: &Self::Item) -> bool {
        true
    }
    /// See [`Resource::show`].
    fn show_item(item: &Self::Item, account: &Account) -> Self::Wire;
    /// See [`Resource::name`].
    fn wire_name(wire: &Self::Wire) -> &str;
    /// The item that was sent, with what it keeps of the former one.
    fn take(wire: Self::Wire, former: Option<&Self::Item>) -> Self::Item;
    /// Where the item of this index stands, for messages.
    fn within(i: usize) -> Vec<String> {
        vec![format!("{}[{i}].", Self::WORDS.list)]
    }
    /// Settles what a new item means for the others.
    fn settle(_list: &mut [Self::Item], _at: usize) {}
    /// See [`Resource::may_view`].
    fn may_view_item(_caller: &Caller, _item: &Self::Item) -> bool {
        true
    }
    /// See [`Resource::may_edit`].
    fn may_edit_item(_caller: &Caller, _item: &Self::Item) -> Result<(), ApiError> {
        Ok(())
    }
    /// See [`Resource::may_save`].
    fn may_save_item(_caller: &Caller, _former: Option<&Self::Item>, _wire: &Self::Wire) -> Result<(), ApiError> {
        Ok(())
    }
    /// See [`Resource::made`].
    fn made_item(_caller: &Caller, _item: &mut Self::Item) {}
}

fn position<T: InList>(c: &Configuration, name: &str) -> Option<usize> {
    T::list(c).iter().position(|item| T::belongs(item) && fold(T::item_name(item)) == fold(name))
}

fn item<'c, T: InList>(c: &'c Configuration, name: &str) -> Option<&'c T::Item> {
    position::<T>(c, name).map(|at| &T::list(c)[at])
}

impl<T: InList> Resource for T {
    const WORDS: Words = <T as InList>::WORDS;
    type View = <T as InList>::View;
    type Edit = <T as InList>::Edit;
    type Wire = <T as InList>::Wire;

    fn names(c: &Configuration) -> Vec<&str> {
        T::list(c).iter().filter(|item| T::belongs(item)).map(T::item_name).collect()
    }
    fn listed(c: &Configuration) -> Vec<&str> {
        T::list(c).iter().filter(|item| T::belongs(item) && T::is_listed(item)).map(T::item_name).collect()
    }
    fn is_taken(c: &Configuration, name: &str) -> bool {
        T::list(c).iter().any(|item| fold(T::item_name(item)) == fold(name))
    }
    fn show(account: &Account, name: &str) -> Option<Self::Wire> {
        item::<T>(&account.config.source, name).map(|item| T::show_item(item, account))
    }
    fn name(wire: &Self::Wire) -> &str {
        T::wire_name(wire)
    }
    fn put(c: &mut Configuration, former: Option<&str>, wire: Self::Wire) -> Result<Vec<String>, Refusal> {
        let former = former.and_then(|name| position::<T>(c, name));
        let list = T::list_mut(c);
        let item = T::take(wire, former.map(|at| &list[at]));
        let at = former.unwrap_or(list.len());
        if at == list.len() {
            list.push(item);
        } else {
            list[at] = item;
        }
        T::settle(list, at);
        Ok(T::within(at))
    }
    fn remove(c: &mut Configuration, name: &str) {
        T::list_mut(c).retain(|item| !T::belongs(item) || fold(T::item_name(item)) != fold(name));
    }
    fn may_view(caller: &Caller, name: &str) -> bool {
        item::<T>(&caller.account.config.source, name).is_none_or(|item| T::may_view_item(caller, item))
    }
    fn may_edit(caller: &Caller, name: &str) -> Result<(), ApiError> {
        item::<T>(&caller.account.config.source, name).map_or(Ok(()), |item| T::may_edit_item(caller, item))
    }
    fn may_save(caller: &Caller, former: Option<&str>, wire: &Self::Wire) -> Result<(), ApiError> {
        let former = former.and_then(|name| item::<T>(&caller.account.config.source, name));
        T::may_save_item(caller, former, wire)
    }
    fn made(caller: &Caller, c: &mut Configuration, name: &str) {
        if let Some(at) = position::<T>(c, name) {
            T::made_item(caller, &mut T::list_mut(c)[at]);
        }
    }
}
