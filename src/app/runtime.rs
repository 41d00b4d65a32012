//! The async runtime of a process.

use std::process::ExitCode;

use super::exit;

/// How many processors this process may use, as the system's files say (cgroups): walls hide those later on.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Runs a process's main future on so many processors.
pub fn block_on(processors: usize, main: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(processors).enable_all().build() {
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
