//! The files of one finished export, read without an engine: for tools and tests that hold them to what they should be. Nothing that is
//! found here changes a job.

use std::{
    path::Path,
    sync::{Arc, mpsc},
};

use sayso_model::id::{AccessToken, AccountNo};

use crate::{
    ExportError,
    buffers::Buffers,
    finish::Message,
    open::OpenExport,
    page::{Page, PageRequest},
};

/// A finished export's folder, open.
pub struct Finished {
    export: Arc<OpenExport>,
    buffers: Arc<Buffers>,
    finisher: mpsc::Sender<Message>,
}

impl Finished {
    /// Opens the files `rows`, `index` and `manifest` of a folder.
    ///
    /// # Errors
    /// [`ExportError::Damaged`] when they don't fit together, [`ExportError::Io`] when they can't be read.
    pub fn open(folder: &Path) -> Result<Self, ExportError> {
        let export = Arc::new(OpenExport::open((AccountNo(0), AccessToken(0)), folder, Box::new(|_| true))?);
        // nobody listens: what a page has to tell the engine is for the engine's own exports
        Ok(Self { export, buffers: Arc::default(), finisher: mpsc::channel().0 })
    }

    /// A page of it, as export.md has it.
    ///
    /// # Errors
    /// [`ExportError::Damaged`] when the index isn't what was written; damage of the records shows while the body is read.
    pub fn page(&self, request: PageRequest) -> Result<Page, ExportError> {
        let (export, buffers) = (Arc::clone(&self.export), Arc::clone(&self.buffers));
        Page::new(export, request.limit, request, buffers, self.finisher.clone())
    }
}
