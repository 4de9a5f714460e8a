//! The typed client of the export API: tokens, polling, pages.
