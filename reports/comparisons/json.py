"""For programs: every metric with all that was found of it."""

import json
import math
from typing import Any

from results.comparison import Change, Comparison


def render(comparison: Comparison) -> str:
    """As one JSON object; docs/regression.md says what its members mean."""
    content = {
        "base": comparison.base.id,
        "new": comparison.new.id,
        "exit_code": int(comparison.outcome),
        "changes": [_change(change) for change in comparison.changes],
        "facts": [
            {"series": str(fact.identity), "name": fact.name, "was": fact.was, "is": fact.is_}
            for fact in comparison.facts
        ],
        "failures": [vars(failure) for failure in comparison.failures],
        "only_in_base": [str(identity) for identity in comparison.gone],
        "only_in_new": [str(identity) for identity in comparison.added],
        "allowed": [
            {"what": str(difference.obstacle), "words": difference.words}
            for difference in comparison.differences
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False)


def _change(change: Change) -> dict[str, Any]:
    identity, ratio = change.identity, change.ratio
    return {
        "series": str(identity),
        "name": identity.name,
        "subject": identity.subject,
        "accelerator": identity.accelerator,
        "unit": identity.unit,
        "better": str(identity.better),
        "verdict": str(change.verdict),
        "base": change.base,
        "new": change.new,
        "passes": list(change.passes),
        "change": change.share if math.isfinite(change.share) else None,
        "ratio": ratio and [ratio.value, ratio.low, ratio.high],
        "threshold": change.threshold,
        "rank_p": change.rank_p,
        "p": change.p,
        "false_discovery_rate": change.discovery,
        "weather": change.weather,
        "without_weather": change.is_even,
        "reason": change.reason,
    }
