//! Files that are either whole and durable or not there at all.
//!
//! Promise: when a function here answers `Ok`, power may fail at any instant and what it made stands complete after
//! the restart: bytes are synced before a name shows them, and folders are synced after a name changed.
//! Refuses to know: what the files mean, who reads them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes copied at a time by [`copy_durably`].
const COPY_CHUNK_BYTES: usize = 64 * 1024;

/// Tells apart the temporary files that this process makes.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// Makes `path` hold exactly `bytes`: a hidden neighbour is written and synced, renamed over `path`, and the folder is
/// synced. A reader sees the former content or the new one, never a mixture.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = neighbour(path)?;
    write_synced(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    sync_dir(folder_of(path))
}

/// Writes a new file and syncs its bytes. The name itself is durable only after [`sync_dir`] of its folder.
/// Fails when the file already exists.
pub fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Copies a stream into a new file at `path` through a hidden neighbour, synced with its folder; answers its bytes.
pub fn copy_durably(content: &mut dyn Read, path: &Path) -> io::Result<u64> {
    let temporary = neighbour(path)?;
    let copied = copy_synced(content, &temporary)
        .and_then(|size| fs::rename(&temporary, path).map(|()| size))
        .inspect_err(|_| drop(fs::remove_file(&temporary)))?;
    sync_dir(folder_of(path))?;
    Ok(copied)
}

fn copy_synced(content: &mut dyn Read, path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut chunk = vec![0; COPY_CHUNK_BYTES];
    let mut copied = 0u64;
    loop {
        let read = match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        file.write_all(&chunk[..read])?;
        copied += u64::try_from(read).unwrap_or(0);
    }
    file.sync_all()?;
    Ok(copied)
}

/// A new file in `folder` without a name: it goes with who holds it. `passing` is its name for an instant, its maker's own.
pub fn nameless(folder: &Path, passing: &str) -> io::Result<File> {
    let path = folder.join(passing);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Makes the names inside a folder durable.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Renames, then syncs both folders. Replaces a file (or an empty folder, by a folder) at `to`.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    let (left, entered) = (folder_of(from), folder_of(to));
    sync_dir(entered)?;
    if left != entered {
        sync_dir(left)?;
    }
    Ok(())
}

/// Removes a file and syncs its folder; a file that is not there is fine.
pub fn remove_durably(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_dir(folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a folder and every missing one above it, each durable in its parent.
pub fn make_dir_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    if above != folder {
        make_dir_durably(above)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => sync_dir(above),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// The folder a name stands in; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => path,
    }
}

/// A hidden name beside `path` that nobody else uses. Listings for users leave out names that begin with a dot.
fn neighbour(path: &Path) -> io::Result<PathBuf> {
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not the name of a file"));
    }
    // Not made from the file's own name, which may already be as long as a name can be.
    let mut name = OsString::from(".new-");
    name.push(std::process::id().to_string());
    name.push("-");
    name.push(TEMPORARY.fetch_add(1, Ordering::Relaxed).to_string());
    let temporary = folder_of(path).join(name);
    // Left by a former process that had our number and died: nobody else writes it now.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(temporary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("é".repeat(127));
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()).len(), 1, "a name of 254 bytes works and no temporary file remains");
    }

    #[test]
    fn a_failed_write_leaves_the_former_file_and_no_temporary_one() {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the source broke"))
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept");
        assert_eq!(copy_durably(&mut &b"whole"[..], &path).unwrap(), 5);
        assert!(copy_durably(&mut Breaks, &path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(dir.path()), ["kept"]);
        assert!(write_atomically(&dir.path().join("missing/x"), b"").is_err());
        assert!(write_atomically(Path::new("/"), b"").is_err());
    }

    #[test]
    fn folders_are_made_with_those_above_and_renamed() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        make_dir_durably(&deep).unwrap();
        make_dir_durably(&deep).unwrap();
        write_synced(&deep.join("x"), b"x").unwrap();
        assert!(write_synced(&deep.join("x"), b"y").is_err(), "never over a file that exists");
        rename_durably(&deep, &dir.path().join("d")).unwrap();
        assert_eq!(fs::read(dir.path().join("d/x")).unwrap(), b"x");
        remove_durably(&dir.path().join("d/x")).unwrap();
        remove_durably(&dir.path().join("d/x")).unwrap();
        assert!(make_dir_durably(&dir.path().join("d")).is_ok());
        fs::write(dir.path().join("file"), b"").unwrap();
        assert!(make_dir_durably(&dir.path().join("file")).is_err(), "a file stands where the folder should");
    }
}
