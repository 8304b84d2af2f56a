"""What can run an image, one file each."""
