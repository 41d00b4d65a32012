//! Random bytes from the kernel.

/// `N` bytes that nobody can guess.
///
/// # Panics
/// When the kernel has no random numbers to give: nothing may go on without them.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut drawn = [0; N];
    getrandom::fill(&mut drawn).expect("the kernel gives random numbers at any time after boot");
    drawn
}

/// `2 * N` lower-case hexadecimal digits of [`bytes`].
pub fn hex<const N: usize>() -> String {
    bytes::<N>().iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ() {
        assert_ne!(bytes::<32>(), bytes::<32>());
        assert_eq!(hex::<8>().len(), 16);
    }
}
