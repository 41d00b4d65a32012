//! Stock clients: OpenSSH's `sftp` and `lftp`, as a business application's scripts run them.

use std::path::PathBuf;
use std::process::Stdio;

use super::place::{Place, Scene, content};

struct Stock {
    place: Place,
    /// Where the client's files are.
    local: PathBuf,
    ssh_options: Vec<String>,
}

fn has(tool: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()));
    if !found {
        eprintln!("SKIPPED: {tool} is not installed");
    }
    found
}

async fn run(program: &str, arguments: &[String], input: &str) -> (bool, String) {
    use tokio::io::AsyncWriteExt;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    let done = tokio::time::timeout(std::time::Duration::from_secs(90), child.wait_with_output());
    let output = done.await.unwrap_or_else(|_| panic!("{program} hangs")).unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), text)
}

impl Stock {
    async fn open(kind: &str) -> Self {
        let keys = tempfile::tempdir().unwrap().keep();
        let key = keys.join("id");
        let bits = if kind == "rsa" { vec!["-b".to_owned(), "2048".to_owned()] } else { Vec::new() };
        let arguments = ["-q", "-t", kind, "-N", "", "-f"].map(str::to_owned).into_iter();
        let arguments: Vec<String> = arguments.chain([key.display().to_string()]).chain(bits).collect();
        assert!(run("ssh-keygen", &arguments, "").await.0);
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let place = Place::open(Scene { keys: vec![public.trim().to_owned()], ..Scene::default() }).await;
        let known = keys.join("known_hosts");
        let port = place.address().port();
        std::fs::write(&known, format!("[127.0.0.1]:{port} {}\n", place.host_key_line())).unwrap();
        let ssh_options = [
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", known.display()),
            format!("IdentityFile={}", key.display()),
        ];
        Self { local: place.dir.path().join("local"), place, ssh_options: ssh_options.to_vec() }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.local.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs a batch; answers whether all of it worked, and what was said.
    async fn sftp(&self, batch: &str) -> (bool, String) {
        let port = self.place.address().port().to_string();
        let mut arguments: Vec<String> = ["-b", "-", "-P"].map(str::to_owned).to_vec();
        arguments.push(port);
        for option in &self.ssh_options {
            arguments.extend(["-o".to_owned(), option.clone()]);
        }
        arguments.push("sifac@127.0.0.1".to_owned());
        run("sftp", &arguments, batch).await
    }

    async fn lftp(&self, script: &str) -> (bool, String) {
        let options: String = self.ssh_options.iter().map(|o| format!(" -o {o}")).collect();
        let port = self.place.address().port();
        let script = format!(
            "set sftp:connect-program \"ssh -a -x{options}\"\nset net:max-retries 1\nset net:timeout 20\n\
             open -p {port} -u sifac,x sftp://127.0.0.1\n{script}\n"
        );
        run("lftp", &["-f".to_owned(), self.file("script", script.as_bytes()).display().to_string()], "").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openssh_sftp_drops_renames_lists_and_fetches() {
    if !has("sftp") || !has("ssh-keygen") {
        return;
    }
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let stock = Stock::open(kind).await;
        let (small, big) = (content(900, 1), content(5 << 20, 2));
        let small_path = stock.file("small.xml", &small);
        let big_path = stock.file("big.xml", &big);
        std::fs::write(stock.place.results().join("accuses/r.json"), content(300_000, 3)).unwrap();
        let batch = format!(
            "put {0} /depot/small.xml\nput -p {1} /depot/big.tmp\nrename /depot/big.tmp /depot/big.xml\n\
             ls -l /depot\nls -l /accuses\nget /accuses/r.json {2}/r.json\nrm /accuses/r.json\ndf /depot\n",
            small_path.display(),
            big_path.display(),
            stock.local.display()
        );
        let (worked, said) = stock.sftp(&batch).await;
        assert!(worked, "{kind}: {said}");
        assert!(said.contains("r.json"), "{said}");
        assert_eq!(stock.place.document(&stock.place.flow_named("small.xml")), small);
        assert_eq!(stock.place.document(&stock.place.flow_named("big.xml")), big);
        assert_eq!(std::fs::read(stock.local.join("r.json")).unwrap(), content(300_000, 3));
        assert!(!stock.place.results().join("accuses/r.json").exists());
        for bad in
            ["put {} /nowhere/x.xml", "put {} /accuses/x.xml", "put {} /x.xml", "mkdir /depot/new", "rm /accuses"]
        {
            let (worked, _) = stock.sftp(&bad.replace("{}", &small_path.display().to_string())).await;
            assert!(!worked, "{bad}");
        }
        let codes: Vec<_> = stock.place.codes().iter().map(|code| code.as_str()).collect();
        assert_eq!(codes, ["FG-104"; 3]);
        stock.place.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lftp_drops_many_files_and_mirrors() {
    if !has("lftp") || !has("ssh") {
        return;
    }
    let stock = Stock::open("ed25519").await;
    for n in 0..25u8 {
        stock.file(&format!("many/m{n}.xml"), &content(usize::from(n) * 7_000, n));
        stock.file(&format!("tree/t{n}.xml"), &content(usize::from(n) * 900 + 1, 100 + n));
    }
    let local = stock.local.display().to_string();
    let (worked, said) = stock
        .lftp(&format!(
            "cd /depot\nlcd {local}/many\nmput -P 4 *.xml\nset xfer:use-temp-file yes\nset xfer:temp-file-name .in.*\n\
             mirror -R --parallel=3 {local}/tree /depot/prod\ncls -l /\n"
        ))
        .await;
    assert!(worked, "{said}");
    let flows = stock.place.flows();
    for n in 0..25u8 {
        for (name, bytes) in [
            (format!("m{n}.xml"), content(usize::from(n) * 7_000, n)),
            (format!("t{n}.xml"), content(usize::from(n) * 900 + 1, 100 + n)),
        ] {
            let flow = flows.iter().find(|f| f.file == name).unwrap_or_else(|| panic!("{name} is missing: {said}"));
            assert_eq!(stock.place.document(flow), bytes, "{name}");
        }
    }
    assert_eq!(flows.len(), 50);
    stock.place.close().await;
}

/// Not a verdict, a figure: run with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and wants the machine for itself"]
async fn bulk_speed() {
    if !has("sftp") || !has("ssh-keygen") {
        return;
    }
    let stock = Stock::open("ed25519").await;
    let big = stock.file("bulk.xml", &content(100 << 20, 9));
    for round in 0..3 {
        let begun = std::time::Instant::now();
        let (worked, said) = stock.sftp(&format!("put {} /depot/bulk{round}.tmp\n", big.display())).await;
        assert!(worked, "{said}");
        let taken = begun.elapsed().as_millis();
        eprintln!("bridge: 100 MiB put in {taken} ms");
    }
    stock.place.close().await;
}
