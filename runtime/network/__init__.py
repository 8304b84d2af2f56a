"""Networks as Docker has them, kept on disk and in the kernel without a daemon; `networks` is the way in."""
