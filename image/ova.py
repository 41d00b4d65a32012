#!/usr/bin/env python3
"""Packs a virtual disk for VMware: an OVF descriptor, a manifest with checksums and the disk, in one tar (DSP0243 1.1).

    image/ova.py VMDK VERSION CAPACITY OUT     VMDK: stream-optimized; CAPACITY of the disk in bytes

UEFI firmware, vmxnet3 and pvscsi: what the appliance's kernel drives. The same disk gives the same bytes.
"""

import hashlib
import io
import re
import sys
import tarfile
from pathlib import Path

MEMORY_MB, CPUS = 1024, 2
#: ESXi 6.5 and later.
HARDWARE = "vmx-13"
#: How far from its beginning a sparse VMDK has its descriptor, at most.
DESCRIPTOR_BYTES = 64 * 1024

DESCRIPTOR = """\
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
    xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
    xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
    xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:href="{disk}" ovf:id="file1" ovf:size="{size}"/>
  </References>
  <DiskSection>
    <Info>The disk</Info>
    <Disk ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte" ovf:diskId="disk1" ovf:fileRef="file1"
        ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>The networks</Info>
    <Network ovf:name="inside">
      <Description>The establishment's side: applications, and the page</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="fluxgate">
    <Info>Fluxgate</Info>
    <Name>fluxgate</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="other3xLinux64Guest">
      <Info>Its system</Info>
      <Description>Linux 64-Bit</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Its hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>fluxgate</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>{hardware}</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:ElementName>{cpus} virtual CPUs</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>{cpus}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:ElementName>{memory} MB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>{memory}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:ElementName>SCSI controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/disk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>inside</rasd:Connection>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
    </VirtualHardwareSection>
    <ProductSection>
      <Info>The product</Info>
      <Product>Fluxgate</Product>
      <Version>{version}</Version>
    </ProductSection>
  </VirtualSystem>
</Envelope>
"""


def settle(vmdk):
    """The number that VMware tells disks apart by is drawn by lot; here it is made from the disk."""
    with open(vmdk, "r+b") as file:
        head = file.read(DESCRIPTOR_BYTES)
        drawn = re.search(rb"^CID=([0-9a-f]{8})$", head, re.M)
        if not drawn:
            sys.exit(f"{vmdk}: no CID in its descriptor; not a stream-optimized VMDK")
        file.seek(drawn.start(1))
        file.write(b"00000000")
        file.seek(0)
        number = hashlib.file_digest(file, "sha256").hexdigest()[:8]
        file.seek(drawn.start(1))
        # ffffffff means that there is none.
        file.write((number if number != "f" * 8 else "fffffffe").encode())


def entry(name, size):
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.uname, member.gname = size, 0o644, "root", "root"
    return member


def pack(vmdk, version, capacity, out):
    name = Path(out).stem
    with open(vmdk, "rb") as file:
        disk = hashlib.file_digest(file, "sha256").hexdigest()
    size = Path(vmdk).stat().st_size
    descriptor = DESCRIPTOR.format(
        disk=f"{name}.vmdk", size=size, capacity=capacity, hardware=HARDWARE, cpus=CPUS, memory=MEMORY_MB, version=version
    ).encode()
    hashes = [(f"{name}.ovf", hashlib.sha256(descriptor).hexdigest()), (f"{name}.vmdk", disk)]
    manifest = "".join(f"SHA256({file})= {hash}\n" for file, hash in hashes).encode()
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar, open(vmdk, "rb") as file:
        # The descriptor comes first, then its manifest.
        tar.addfile(entry(f"{name}.ovf", len(descriptor)), io.BytesIO(descriptor))
        tar.addfile(entry(f"{name}.mf", len(manifest)), io.BytesIO(manifest))
        tar.addfile(entry(f"{name}.vmdk", size), file)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    vmdk, version, capacity, out = sys.argv[1:]
    settle(vmdk)
    pack(vmdk, version, int(capacity), out)


if __name__ == "__main__":
    main()
