"""What we read, judge and write, held against other people's programs: the official rules and schemas, another Factur-X reader."""

import json
import subprocess

import facturx
import peers
import pytest
from gateway import BINARY, LONG, SHARED

CORPUS = SHARED / "invoices/mini.tgz"
pytestmark = pytest.mark.skipif(not CORPUS.is_file(), reason=f"the reference folder is not beside the checkout: {CORPUS}")
MUTANTS = 5_000 if LONG else 300


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    subprocess.run(["tar", "xzf", CORPUS, "-C", folder, "--strip-components=1"], check=True)
    return folder


@pytest.fixture(scope="module")
def bases(mini):
    rows = map(json.loads, (mini / "verdicts.jsonl").read_text().splitlines())
    found = [mini / row["file"] for row in rows if not row["fatal"] and not row["brfr"]["fatal"] and row["kind"] == "base"]
    assert len(found) > 40, "the corpus has its bases"
    return found


def convert(source, to, target):
    done = subprocess.run(
        [BINARY, "convert", "--lossy", "--to", to, source, "-o", target], capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, f"{source.name}: {done.stdout}{done.stderr}"
    return target


@pytest.fixture(scope="module")
def converted(bases, tmp_path_factory):
    """Each base in the other syntax."""
    folder = tmp_path_factory.mktemp("converted")
    other = {"ubl": "cii", "cii": "ubl"}
    return [convert(base, other[peers.syntax(base.read_bytes())], folder / base.name) for base in bases]


def test_the_schemas_find_what_is_wrong(bases):
    for base in bases[:4]:
        assert peers.schema_errors(base.read_bytes()) == []
        broken = base.read_bytes().replace(b"IssueDate", b"IssueDay").replace(b"TypeCode", b"TypKode")
        assert peers.schema_errors(broken) != []


def test_what_is_converted_meets_its_schema(converted):
    wrong = {path.name: errors for path in converted if (errors := peers.schema_errors(path.read_bytes()))}
    assert wrong == {}


def test_the_official_rules_accept_what_is_converted(converted):
    wrong = {}
    for path in converted:
        written = peers.syntax(path.read_bytes())
        for which in peers.RULES:
            if which[0] == written and (found := peers.fatal(path, which)):
                wrong[path.name, which[1]] = found
    assert wrong == {}


def test_another_reader_reads_our_facturx(bases, tmp_path):
    for base in bases[::4]:
        pdf = convert(base, "facturx", tmp_path / f"{base.name}.pdf")
        name, xml = facturx.get_xml_from_pdf(pdf.read_bytes(), check_xsd=True, check_schematron=False)
        assert name == "factur-x.xml"
        assert peers.schema_errors(xml) == []
        extracted = subprocess.run([BINARY, "convert", "--to", "cii", pdf, "-o", "-"], capture_output=True, timeout=60)
        assert extracted.stdout == xml


def ours(folder, profile):
    """Fatal rules by file."""
    command = [BINARY, "check", "--json", "--profile", profile, *sorted(str(path) for path in folder.glob("*.xml"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 65), done.stderr
    return {line["file"].rsplit("/", 1)[-1]: line for line in map(json.loads, done.stdout.splitlines())}


def test_mutants_get_the_official_verdict(bases, tmp_path):
    sound = [base.read_bytes() for base in bases]
    mutants = peers.Mutants(20_260_901, sound)
    for n in range(MUTANTS):
        (tmp_path / f"m{n:05}.xml").write_bytes(mutants.one())
    # In CII the package has no EN 16931 of CEN's own.
    counted, apart = 0, {}
    for profile, rules in (("en16931", [("ubl", "en16931")]), ("g2b", [("ubl", "br-fr"), ("cii", "br-fr")])):
        lines = ours(tmp_path, profile)
        for path in sorted(tmp_path.glob("*.xml")):
            which = next((which for which in rules if which[0] == peers.syntax(path.read_bytes())), None)
            if which is None:
                continue
            official = peers.fatal(path, which)
            said = {finding["rule"] for finding in lines[path.name]["findings"] if finding["severity"] == "fatal"}
            french = {rule for rule in said if rule.startswith("BR-FR")}
            mine = french if which[1] == "br-fr" else said
            counted += 1
            if peers.STOPPED in official:
                if lines[path.name]["verdict"] != "reject":
                    apart[path.name, which[1]] = "accepted, and the engine stops at it"
            elif official != mine:
                apart[path.name, which[1]] = (sorted(official - mine), sorted(mine - official))
    print(f"{counted} official verdicts, {counted - len(apart)} the same")
    assert apart == {}
