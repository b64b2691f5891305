//! `ledger receipt`: a record's proof in the form that SCITT tools read.

use std::path::{Path, PathBuf};

use colophon_imaging::write_atomic;
use colophon_keys::KeyStore;
use colophon_ledger::{LedgerError, ReceiptSigner, RecordAddress};
use colophon_provenance::{Attester, Home};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::passphrase;

/// Runs `ledger receipt`.
pub fn run(
    context: &Context<'_>,
    record: RecordAddress,
    out: Option<&Path>,
    key: Option<&Path>,
    overwrite: bool,
) -> Result<Exit, Failure> {
    let home = context.home()?;
    let ledger = home.open_ledger_read_only()?;
    let entry = ledger.get(record)?.ok_or(LedgerError::NoEntry(record))?;
    let signer = signer(context, &home)?;
    let receipt = ledger.receipt(entry.id(), &*signer)?.to_bytes();
    // A slash is no part of a file's name.
    let number = entry.id().to_string().replace('/', "-");
    let named = || PathBuf::from(format!("record-{number}.receipt"));
    let out = out.map_or_else(named, Path::to_owned);
    let leaf = out.with_extension("leaf");
    if leaf == out {
        return Err(Failure::Request(
            "give the receipt another extension than .leaf; the record itself gets that name"
                .into(),
        ));
    }
    let pem = signer.receipt_key().to_pem();
    {
        let _writing = context.interrupt.writing();
        if let Some(key) = key {
            write_atomic(key, pem.as_bytes(), overwrite)?;
        }
        // The receipt last: where it stands, its leaf does too.
        write_atomic(&leaf, entry.leaf(), overwrite)?;
        write_atomic(&out, &receipt, overwrite)?;
    }
    let printer = context.printer;
    printer.say(&format!(
        "Receipt of record {}: {}",
        entry.id(),
        out.display()
    ))?;
    printer.say(&format!("The record itself:    {}", leaf.display()))?;
    match key {
        Some(key) => printer.say(&format!("The key that signed:  {}", key.display()))?,
        None => printer.say(&format!("Signed with the key\n{}", pem.trim_end()))?,
    }
    Ok(Exit::DONE)
}

/// The home's key for receipts.
///
/// # Errors
/// [`Failure::Keys`] for a passphrase that does not open it, [`Failure::Provenance`] where there is no such key.
pub fn signer(
    context: &Context<'_>,
    home: &Home,
) -> Result<Box<dyn ReceiptSigner + Send + Sync>, Failure> {
    let words = passphrase::to_open(context.global, &home.keys())?;
    let keys = KeyStore::open(&home.keys(), words)?;
    Ok(Attester::receipts_of(&keys)?)
}
