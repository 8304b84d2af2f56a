"""The formats of disk images, one a file; each file defines FORMAT and needs no other edit."""
