"""The OCI runtime command line, `tarebox-oci`; see the OCI runtime specification."""
