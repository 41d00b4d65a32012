//! Arguments -> app -> exit code.

fn main() -> std::process::ExitCode {
    fluxgate::app::main()
}
