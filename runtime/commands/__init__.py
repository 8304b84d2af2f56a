"""The commands of `tarebox`: a module each, a package for a group; see runtime.commandline.dispatch."""

SUMMARY = "Images, containers, networks and volumes, with Docker's habits."
