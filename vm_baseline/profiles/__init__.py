"""The profiles, one a file; each file defines PROFILE and needs no other edit."""
