"""What something earns."""

from dataclasses import replace

import pytest

from features.errors import InputError
from training.baselines import VolumeRule
from training.evaluation.metrics import named
from training.examples.splits import by_campaign
from training.fitting.ablation import earned, over
from training.fitting.train import train


def test_features_that_tell_earn_something_and_noise_earns_nothing(world, features, as_of, plan) -> None:
    examples = world(honest=300, size=12, snapshots=1)
    call = {
        "split": by_campaign(examples, 7),
        "as_of": as_of,
        "seed": 7,
        "volume_feature": "requests_28d",
        "plan": replace(plan, replicates=20),
    }
    told = named(earned(examples, features, ["template_share", "sharing"], **call), "pr_auc")
    noise = named(earned(examples, features, ["noise_a", "noise_b"], **call), "pr_auc")
    assert told.value > 0.3
    assert told.low > 0
    assert abs(noise.value) < 0.1


def test_the_gain_over_a_rival_is_that_of_the_reports(world, features, as_of, plan) -> None:
    trained = train(
        world(honest=300, size=12, snapshots=1),
        features,
        as_of=as_of,
        seed=7,
        schema_version="s1",
        volume_feature="requests_28d",
        plan=replace(plan, replicates=5),
        rivals=[replace(VolumeRule("sharing"), name="sharing_rule")],
    )
    for rival in ("volume_rule", "sharing_rule"):
        values = [trained.reports[name].estimate("pr_auc").value for name in ("stillwatch", rival)]
        assert named(over(trained, rival), "pr_auc").value == pytest.approx(values[0] - values[1])
    assert named(over(trained, "stillwatch"), "pr_auc").value == 0


@pytest.mark.parametrize(
    "without,match", [(["nope"], "unknown are \\['nope'\\]"), (["requests_28d", "a"], "0 would be left")]
)
def test_features_that_are_none_or_all_can_not_be_left_out(world, as_of, without: list[str], match: str) -> None:
    examples = world(campaigns=2)
    with pytest.raises(InputError, match=match):
        earned(
            examples,
            ["requests_28d", "a"],
            without,
            split=by_campaign(examples, 7),
            as_of=as_of,
            seed=7,
            volume_feature="requests_28d",
        )
