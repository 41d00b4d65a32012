//! The async runtime of a process.

use std::process::ExitCode;

use super::exit;

/// Runs a process's main future on all processors.
pub fn block_on(main: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(main);
            // Whatever still runs was given its time by those who started it.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The process could not start its threads");
            exit::SOFTWARE.into()
        }
    }
}
