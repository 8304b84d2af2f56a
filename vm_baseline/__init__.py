"""The virtual machine: libvirt connection, domain, disk images, kernel, guest side."""
