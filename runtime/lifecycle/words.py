"""Names for containers nobody named: an adjective and one who measured something."""

import os

_ADJECTIVES = (
    "able", "agile", "amber", "brave", "bright", "calm", "candid", "clear", "clever", "daring",
    "deft", "eager", "early", "fair", "fast", "fond", "frank", "gentle", "glad", "grand", "happy",
    "hardy", "honest", "humble", "jolly", "keen", "kind", "light", "lively", "loyal", "lucid",
    "merry", "mild", "modest", "neat", "noble", "patient", "plain", "polite", "proud", "quick",
    "quiet", "rapid", "ready", "serene", "sharp", "silent", "sincere", "smart", "sober", "solid",
    "stoic", "sturdy", "subtle", "sunny", "swift", "tender", "tidy", "upbeat", "vivid", "warm",
    "wise", "witty", "zealous",
)  # fmt: skip
_NAMES = (
    "ampere", "archimedes", "avogadro", "babbage", "beaufort", "bell", "bessel", "boltzmann",
    "brahe", "cannon", "cavendish", "celsius", "clarke", "coulomb", "curie", "eratosthenes",
    "euler", "faraday", "fermi", "foucault", "franklin", "galileo", "gauss", "germain", "gilbreth",
    "hamilton", "heisenberg", "henry", "herschel", "hertz", "hipparchus", "hooke", "hopper",
    "hubble", "huygens", "johnson", "joule", "kelvin", "kepler", "kirchhoff", "leavitt", "lovelace",
    "mach", "maxwell", "meitner", "mercator", "michelson", "millikan", "mitchell", "newton", "ohm",
    "pascal", "payne", "planck", "ptolemy", "richter", "rutherford", "shannon", "siemens", "snell",
    "tesla", "turing", "volta", "watt",
)  # fmt: skip


def generate(attempt: int) -> str:
    """A name; from the fourth attempt on with a number behind, as most of them are taken by then."""
    name = f"{_ADJECTIVES[_below(len(_ADJECTIVES))]}_{_NAMES[_below(len(_NAMES))]}"
    return name if attempt < 3 else f"{name}{_below(10**attempt)}"


def _below(limit: int) -> int:
    # The module `secrets` takes longer to import than a container takes to start.
    return int.from_bytes(os.urandom(8)) % limit
