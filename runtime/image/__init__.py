"""Images: content, manifests, layers and their archives (OCI image specification 1.1, Docker v2.2)."""
