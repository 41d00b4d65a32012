//! A few bytes in the machine's TPM 2, which outlive every disk: one index of its non-volatile storage.
//!
//! TPM 2.0 Library, part 3 ("Commands"): TPM2_NV_DefineSpace, TPM2_NV_Write, TPM2_NV_Read. Whoever may speak to the TPM may write it: it
//! keeps what is there from being forgotten, not from being changed by another system.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes of an answer, at most.
const ANSWER_LIMIT: usize = 4096;
/// Bytes of a header: tag, size, code.
const HEADER: usize = 10;

/// TPM_ST_SESSIONS.
const SESSIONS: u16 = 0x8002;
/// TPM_RH_OWNER, who defines an index; TPM_RS_PW, by an empty password.
const OWNER: u32 = 0x4000_0001;
const PASSWORD: u32 = 0x4000_0009;
/// TPM_ALG_SHA256: of the index's name.
const SHA256: u16 = 0x000b;
/// OWNERWRITE, AUTHWRITE, OWNERREAD, AUTHREAD, NO_DA (part 2, TPMA_NV).
const ATTRIBUTES: u32 = 0x2 | 0x4 | 0x2_0000 | 0x4_0000 | 0x200_0000;

const NV_DEFINE_SPACE: u32 = 0x12a;
const NV_WRITE: u32 = 0x137;
const NV_READ: u32 = 0x14e;

/// TPM_RC_HANDLE of the first or second handle: the index is not defined. TPM_RC_NV_UNINITIALIZED: nothing was written to it.
const NOT_DEFINED: [u32; 2] = [0x18b, 0x28b];
const NOT_WRITTEN: u32 = 0x14a;

/// Why the TPM did not do it.
#[derive(Debug, thiserror::Error)]
pub enum TpmError {
    #[error("the TPM cannot be spoken with: {0}")]
    Io(#[from] io::Error),
    #[error("the TPM refused (code {0:#x})")]
    Refused(u32),
    #[error("the TPM's answer makes no sense")]
    Answer,
}

/// A TPM 2: the kernel's device with its resource manager, or what speaks as that does.
#[derive(Debug)]
pub struct Tpm<S>(S);

impl Tpm<File> {
    pub fn open(device: &Path) -> Result<Self, TpmError> {
        Ok(Self(OpenOptions::new().read(true).write(true).open(device)?))
    }
}

impl<S: Read + Write> Tpm<S> {
    pub fn new(stream: S) -> Self {
        Self(stream)
    }

    /// The first `N` bytes of an index (0x0180_0000 to 0x01bf_ffff: the owner's); `None` where nothing was written to it.
    pub fn read<const N: usize>(&mut self, index: u32) -> Result<Option<[u8; N]>, TpmError> {
        let parameters = [length(N).to_be_bytes(), 0u16.to_be_bytes()].concat();
        let answer = match self.command(NV_READ, &[index, index], &parameters) {
            Err(TpmError::Refused(code)) if code == NOT_WRITTEN || NOT_DEFINED.contains(&code) => return Ok(None),
            answer => answer?,
        };
        // Size of the parameters, size of the data, the data.
        let size = answer.get(4..6).filter(|size| **size == length(N).to_be_bytes());
        let data = size.and_then(|_| answer.get(6..6 + N)).and_then(|data| data.try_into().ok());
        data.map(Some).ok_or(TpmError::Answer)
    }

    /// Writes them; an index that is not there is made.
    pub fn write<const N: usize>(&mut self, index: u32, data: &[u8; N]) -> Result<(), TpmError> {
        let parameters = [&length(N).to_be_bytes()[..], data, &0u16.to_be_bytes()].concat();
        let mut written = self.command(NV_WRITE, &[index, index], &parameters);
        if matches!(&written, Err(TpmError::Refused(code)) if NOT_DEFINED.contains(code)) {
            self.define(index, length(N))?;
            written = self.command(NV_WRITE, &[index, index], &parameters);
        }
        written.map(drop)
    }

    fn define(&mut self, index: u32, bytes: u16) -> Result<(), TpmError> {
        let public =
            [&index.to_be_bytes()[..], &SHA256.to_be_bytes(), &ATTRIBUTES.to_be_bytes(), &[0, 0], &bytes.to_be_bytes()]
                .concat();
        let parameters = [&[0, 0][..], &length(public.len()).to_be_bytes(), &public].concat();
        self.command(NV_DEFINE_SPACE, &[OWNER], &parameters).map(drop)
    }

    /// What comes after the answer's header.
    fn command(&mut self, code: u32, handles: &[u32], parameters: &[u8]) -> Result<Vec<u8>, TpmError> {
        let handles: Vec<u8> = handles.iter().flat_map(|handle| handle.to_be_bytes()).collect();
        // An empty password: no nonce, no attributes, no HMAC.
        let password = [&PASSWORD.to_be_bytes()[..], &[0; 5]].concat();
        let area = u32::from(length(password.len())).to_be_bytes();
        let body = [&handles[..], &area, &password, parameters].concat();
        let size = u32::from(length(HEADER + body.len()));
        let command = [&SESSIONS.to_be_bytes()[..], &size.to_be_bytes(), &code.to_be_bytes(), &body].concat();
        // The device takes a command as one write.
        self.0.write_all(&command)?;
        let mut answer = vec![0; ANSWER_LIMIT];
        let mut length = 0;
        loop {
            let read = self.0.read(&mut answer[length..])?;
            length += read;
            let size = answer[..length].get(2..6).map(|size| number(size) as usize);
            match size {
                _ if read == 0 => return Err(TpmError::Answer),
                Some(size) if (HEADER..=length).contains(&size) => break,
                Some(size) if !(HEADER..=ANSWER_LIMIT).contains(&size) => return Err(TpmError::Answer),
                _ => {}
            }
        }
        answer.truncate(length);
        match number(&answer[6..HEADER]) {
            0 => Ok(answer.split_off(HEADER)),
            code => Err(TpmError::Refused(code)),
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Everything here is short.
fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).expect("a command of a few bytes")
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::process::{Child, Command};
    use std::time::{Duration, Instant};

    use super::*;

    const INDEX: u32 = 0x0180_1234;

    /// A TPM in software (swtpm), which keeps its state in a folder; `None` where it is not installed.
    struct Swtpm(Child);

    impl Swtpm {
        fn start(dir: &Path) -> Option<(Self, Tpm<UnixStream>)> {
            let socket = dir.join("socket");
            let _ = std::fs::remove_file(&socket);
            let mut command = Command::new("swtpm");
            command.args(["socket", "--tpm2", "--flags", "startup-clear,not-need-init", "--tpmstate"]);
            command.arg(format!("dir={}", dir.display()));
            command.arg("--server").arg(format!("type=unixio,path={}", socket.display()));
            let Ok(child) = command.spawn() else {
                eprintln!("skipped: swtpm is not installed");
                return None;
            };
            let mine = Self(child);
            let end = Instant::now() + Duration::from_secs(30);
            let stream = loop {
                match UnixStream::connect(&socket) {
                    Ok(stream) => break stream,
                    Err(error) => assert!(Instant::now() < end, "{error}"),
                }
                std::thread::sleep(Duration::from_millis(50));
            };
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            Some((mine, Tpm::new(stream)))
        }
    }

    impl Drop for Swtpm {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn what_is_written_outlives_the_tpms_restart() {
        let dir = tempfile::tempdir().unwrap();
        let Some((swtpm, mut tpm)) = Swtpm::start(dir.path()) else { return };
        assert_eq!(tpm.read::<6>(INDEX).unwrap(), None);
        tpm.write(INDEX, b"\0\x01\0\x02\0\x03").unwrap();
        assert_eq!(tpm.read(INDEX).unwrap(), Some(*b"\0\x01\0\x02\0\x03"));
        tpm.write(INDEX, b"abcdef").unwrap();
        drop((swtpm, tpm));
        let (_swtpm, mut tpm) = Swtpm::start(dir.path()).unwrap();
        assert_eq!(tpm.read(INDEX).unwrap(), Some(*b"abcdef"));
        // More than the index has; a handle that is no index.
        assert!(matches!(tpm.read::<7>(INDEX), Err(TpmError::Refused(_))));
        assert!(matches!(tpm.write(INDEX, b"abcdefg"), Err(TpmError::Refused(_))));
        assert!(matches!(tpm.write(0x8000_0000, b"a"), Err(TpmError::Refused(_))));
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_told() {
        struct Says(&'static [u8]);
        impl Read for Says {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0.read(into)
            }
        }
        impl Write for Says {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for said in [
            &b""[..],
            b"\x80\x02\0\0\0",
            b"\x80\x02\0\0\0\x09\0\0\0\0",
            b"\x80\x02\xff\xff\xff\xff\0\0\0\0",
            b"\x80\x02\0\0\0\x0a\0\0\0\0",
            b"\x80\x02\0\0\0\x14\0\0\0\0\0\0\0\x06\0\x05abcd",
        ] {
            assert!(matches!(Tpm::new(Says(said)).read::<4>(INDEX), Err(TpmError::Answer)), "{said:?}");
        }
        let refused = Tpm::new(Says(b"\x80\x01\0\0\0\x0a\0\0\x01\x01")).read::<4>(INDEX);
        assert!(matches!(refused, Err(TpmError::Refused(0x101))));
    }
}
