"""The forms for hypervisors: are they the factory's disk, and does each boot on the hardware that it asks for?"""

import json
import re
import subprocess
import tarfile
import xml.etree.ElementTree as XML
from hashlib import sha256

import pytest
from gateway import PROJECT
from marks import LONG

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
RASD = "{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}"
#: A virtual machine's disk, and what of it is not `data`.
DISK_BYTES, TAKEN_BYTES = 16 << 30, 1300 << 20
#: On a machine that has other work too.
SECONDS = 400


@pytest.fixture(scope="module")
def forms(image, tmp_path_factory):
    out = tmp_path_factory.mktemp("forms")
    subprocess.run([PROJECT / "image/build-forms", image / "disk.img", out], check=True)
    ova = next(out.glob("*.ova"))
    with tarfile.open(ova) as tar:
        tar.extractall(out, filter="data")
    return out


def one(forms, pattern):
    return next(forms.glob(pattern))


def test_the_ova_holds_the_factory_disk_and_says_what_it_needs(forms, image):
    with tarfile.open(one(forms, "*.ova")) as tar:
        members = tar.getmembers()
    assert [re.sub(".*[.]", "", member.name) for member in members] == ["ovf", "mf", "vmdk"]
    # The manifest covers the descriptor and the disk.
    listed = re.findall(r"^SHA256\((.*)\)= ([0-9a-f]{64})$", one(forms, "*.mf").read_text(), re.M)
    assert [name for name, _ in listed] == [members[0].name, members[2].name]
    for name, hash in listed:
        assert sha256((forms / name).read_bytes()).hexdigest() == hash
    told = XML.fromstring(one(forms, "*.ovf").read_text())
    file, disk = told.find(f".//{OVF}File"), told.find(f".//{OVF}Disk")
    assert (file.get(f"{OVF}href"), int(file.get(f"{OVF}size"))) == (members[2].name, members[2].size)
    assert int(disk.get(f"{OVF}capacity")) == DISK_BYTES
    kinds = [item.text for item in told.iter(f"{RASD}ResourceSubType")]
    assert kinds == ["VirtualSCSI", "VmxNet3"]
    firmware = [item.attrib for item in told.iter("{http://www.vmware.com/schema/ovf}Config")]
    assert [(key.split("}")[1], value) for key, value in firmware[0].items()][1:] == [("key", "firmware"), ("value", "efi")]
    vmdk = one(forms, "*.vmdk")
    about = json.loads(subprocess.run(["qemu-img", "info", "--output=json", vmdk], capture_output=True, check=True).stdout)
    assert about["format-specific"]["data"]["create-type"] == "streamOptimized"
    for form, kind in ((vmdk, "vmdk"), (one(forms, "*.qcow2"), "qcow2")):
        # What is behind the factory's disk reads as zeros.
        subprocess.run(["qemu-img", "compare", "-f", kind, "-F", "raw", form, image / "disk.img"], check=True)


def test_another_build_of_the_forms_gives_the_same_bytes(forms, image, tmp_path):
    subprocess.run([PROJECT / "image/build-forms", image / "disk.img", tmp_path], check=True)
    assert (tmp_path / "SHA256SUMS").read_text() == (forms / "SHA256SUMS").read_text()


@pytest.mark.parametrize(
    "form, bus, nic",
    [
        ("*.vmdk", "pvscsi", "vmxnet3"),
        ("*.qcow2", "virtio-scsi", "virtio-net-pci"),
        pytest.param("*.qcow2", "virtio-blk", "virtio-net-pci", marks=LONG),
        pytest.param("*.qcow2", "nvme", "igb", marks=LONG),
        pytest.param("*.qcow2", "ahci", "e1000e", marks=LONG),
    ],
)
def test_it_boots_to_the_claim_page(form, bus, nic, forms, image, start, tmp_path):
    disk, overlay = one(forms, form), tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", disk.suffix[1:], overlay], check=True)
    # This firmware knows no pvscsi, as VMware's does: there it is given the slot's kernel, which finds the disk by itself.
    kernel = ["-kernel", image / "slots/kernel-a.efi"] if bus == "pvscsi" else []
    vm = start(None, drive=f"file={overlay},format=qcow2,if=none,id=d0,cache=writeback", bus=bus, nic=nic, extra=kernel)
    print(f"{disk.suffix} on {bus} with {nic}: the claim page answers {vm.wait_page(SECONDS):.0f} s after power-on")
    vm.end()
    # `data` has the rest of the disk, which is larger than the factory's.
    whole = tmp_path / "whole.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", overlay, whole], check=True)
    table = json.loads(subprocess.run(["sfdisk", "-J", whole], capture_output=True, check=True).stdout)["partitiontable"]
    data = next(part for part in table["partitions"] if part.get("name") == "data")
    assert data["size"] * 512 > DISK_BYTES - TAKEN_BYTES
