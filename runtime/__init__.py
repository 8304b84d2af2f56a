"""The container: kernel facilities, launcher, images."""
