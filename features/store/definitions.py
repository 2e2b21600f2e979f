"""What Feast knows: one entity, a named view for training and people, a packed view for serving.

Both views are derived from `features.catalogue`. Eighty named features cost forty times as much to read online as one
vector of them, so the online store holds only the vector, in catalogue order; a parity test holds the two together.
"""

from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Float32, Float64, Int64, String

from features.catalogue import FEATURES, SCHEMA_VERSION

VALID = timedelta(days=1)
LAYOUT = "5"  # of the views besides the catalogue: another one is applied again


def definitions(root: Path) -> list[Entity | FeatureView | FeatureService]:
    """The feature store's objects.

    Args:
        root: absolute path of the folder that holds `offline/*.parquet` (named features, one file per time) and
            `latest.parquet` (the vectors of the newest time).
    """
    version = {"schema_version": SCHEMA_VERSION, "layout": LAYOUT, "root": str(root)}
    account = Entity(name="account", join_keys=["account_id"], value_type=ValueType.STRING)
    named = FeatureView(
        name="account_features",
        entities=[account],
        ttl=VALID,
        online=False,
        schema=[
            Field(
                name=feature.name,
                dtype=Float32,
                description=f"{feature.meaning} ({feature.unit}, {feature.window})",
                tags={"family": feature.family, "window": feature.window},
            )
            for feature in FEATURES
        ],
        source=FileSource(name="snapshots", path=str(root / "offline" / "*.parquet"), timestamp_field="as_of"),
        tags={"schema_version": SCHEMA_VERSION},
    )
    vector = FeatureView(
        name="account_vector",
        entities=[account],
        ttl=VALID,
        schema=[
            Field(name="vector", dtype=Array(Float32), description="all features, in catalogue order"),
            Field(name="campaign_id", dtype=String, description="of the campaign it belongs to most; null for none"),
            Field(name="lift", dtype=Float64, description="what its group adds to its normal score; null for none"),
            Field(name="seal", dtype=Int64, description="over all others, the account and the time"),
            Field(name="ties", dtype=String, description="what it shares with that campaign's accounts, for analysts"),
        ],
        source=FileSource(name="latest", path=str(root / "latest.parquet"), timestamp_field="as_of"),
        tags={"schema_version": SCHEMA_VERSION},
    )
    return [
        account,
        named,
        vector,
        FeatureService(name="risk", features=[named], tags=version),
        FeatureService(name="risk_online", features=[vector], tags=version),
    ]
