"""Judge a stored model on any test set, without what a training needs."""

from dataclasses import replace
from datetime import datetime

from training.evaluation.report import EvaluationRequest, Report, evaluate
from training.examples.dataset import lifts, matrix
from training.examples.splits import campaign_digests
from training.examples.test_set import TestSet
from training.models.model import Model


def judge(
    model: Model, test: TestSet, *, as_of: datetime, seed: int, name: str = "champion", replicates: int = 300
) -> Report:
    """Report on a stored model on any test set, say on the champion on the challenger's.

    If the model learned from campaigns of the test set, a note of the report says that its figures flatter.
    """
    shared = set(campaign_digests(test.frame)) & set(model.origin.get("campaigns", "").split())
    if shared:
        note = f"{name} learned from {len(shared)} of the campaigns of this test set, so its figures flatter"
        test = replace(test, notes=(*test.notes, note))
    return evaluate(
        test,
        lambda examples: model.predict(matrix(examples, model.features), lifts(examples)),
        EvaluationRequest(
            model=name, as_of=as_of, seed=seed, review_threshold=model.review_threshold, replicates=replicates
        ),
    )
