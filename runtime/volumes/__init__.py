"""Volumes: directories of their own names that containers share and that outlive them."""

from runtime.volumes.volume import Volume as Volume
from runtime.volumes.volumes import Volumes as Volumes
