//! `[update]`: core looks for releases, on the appliance.

use crate::config::Config;
use crate::gate::KeeperClient;
use crate::os::signals::Shutdown;
use crate::store::Store;
use crate::work::releases::{Releases, Source};

/// Begins, where the configuration names an address and there is a keeper to hand releases to. Must be called inside the runtime.
pub fn begin(config: &Config, store: &Store, shutdown: Shutdown) -> Option<Releases> {
    let url = config.update.address()?;
    let Some(keeper) = KeeperClient::beside(&config.store.run_dir) else {
        log::info!("The section [update] has no effect: this machine does not run Fluxgate's image");
        return None;
    };
    let source = Source {
        url,
        ca_file: config.update.ca_file.clone(),
        every: config.update.every.get(),
        proxy: config.proxy.clone(),
        dir: config.store.dir.clone(),
        reserve: config.limits.disk_reserve.bytes(),
        store: store.clone(),
        keeper,
    };
    match Releases::begin(source, shutdown) {
        Ok(releases) => Some(releases),
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "Releases are not looked for");
            None
        }
    }
}
