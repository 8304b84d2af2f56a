"""The file systems of disk images, one a file; each file defines FILE_SYSTEM and needs no other edit."""
