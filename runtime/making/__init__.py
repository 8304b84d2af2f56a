"""A container's settings, from its image and what is asked for: `settings(image, RunOptions(...))`."""

from runtime.making.merging import settings as settings
from runtime.making.options import RunOptions as RunOptions
