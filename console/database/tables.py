"""The tables of the console's database. Times are UTC; ids of accounts are those of the build that is shown.

What analysts did is only ever added to: decisions, case events and appeals have no update but their closing. The
picture of a build (`snapshots` and what hangs on it) is replaced as a whole by the next build.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC, also where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the database the time in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", Text),  # its scrypt hash; null: signs in at a provider only
    Column("is_active", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("wrong_tries", Integer, nullable=False, default=0),
    Column("last_wrong_at", UtcTime),
)
sessions = Table(
    "sessions",
    metadata,
    Column("token_digest", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)
sign_ons = Table(  # tries to sign in at a provider
    "sign_ons",
    metadata,
    Column("state_digest", String(64), primary_key=True),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(64), nullable=False),
    Column("next_path", Text, nullable=False),
    Column("begun_at", UtcTime, nullable=False),
)
saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("name", String(80), nullable=False),
    Column("query", Text, nullable=False),
    UniqueConstraint("user_id", "name"),
)
claims = Table(
    "claims",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("item_id", Text, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("ends_at", UtcTime, nullable=False),
)
cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("campaign_id", Text, index=True),
    Column("assignee_id", ForeignKey("users.id")),
    Column("created_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("snoozed_until", UtcTime),
    Column("is_escalated", Boolean, nullable=False),
    Column("merged_into", ForeignKey("cases.id")),
    Column("version", Integer, nullable=False),
)
case_accounts = Table(
    "case_accounts",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("account_id", Text, primary_key=True, index=True),
    Column("added_at", UtcTime, nullable=False),
)
case_events = Table(
    "case_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("text", Text, nullable=False),
)
account_notes = Table(
    "account_notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("text", Text, nullable=False),
)
decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch", String(32), nullable=False, index=True),  # the members that were decided together
    Column("account_id", Text, nullable=False, index=True),
    Column("verdict", String(16), nullable=False),
    Column("campaign_id", Text),
    Column("enforcement", String(16)),
    Column("case_id", ForeignKey("cases.id"), index=True),
    Column("user_id", ForeignKey("users.id"), nullable=False),
    Column("decided_at", UtcTime, nullable=False, index=True),
    Column("level", String(16)),
    Column("risk", Float),
    Column("model_version", String(32)),
    Column("reason", Text, nullable=False),
)
standings = Table(  # what holds of an account that was ever decided; its version makes a second decider fail
    "standings",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("verdict", String(16), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("decision_id", ForeignKey("decisions.id"), nullable=False),
)
appeals = Table(
    "appeals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("outcome", String(16)),  # upheld, rejected; null while open
    Column("closed_at", UtcTime),
)
outbox = Table(  # what is still to be done for a decision, and what was done: "lake" or "webhook"
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_id", String(64), nullable=False, unique=True),
    Column("channel", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcTime),  # null: done, or given up
    Column("done_at", UtcTime),
    Column("error", Text),
    Index("ix_outbox_due", "channel", "next_at"),
)
looks = Table(
    "looks",
    metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("campaign_id", Text, primary_key=True),
    Column("looked_at", UtcTime, nullable=False),  # the time of the build that was looked at
)
snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("as_of", UtcTime, nullable=False),
    Column("stamp", String(64), nullable=False),
    Column("model_version", String(32), nullable=False),
    Column("review_threshold", Float, nullable=False),
    Column("act_threshold", Float, nullable=False),
    Column("is_current", Boolean, nullable=False, index=True),
    Column("summary", Text, nullable=False),  # JSON: counts, and groups that were ruled out
)
past_builds = Table(  # of which `risk_points` holds all risks from `console.picture.frames.LEAST_RISK` on
    "past_builds",
    metadata,
    Column("as_of", UtcTime, primary_key=True),
    Column("model_version", String(32), nullable=False),
)
_COVERED = ("used_for", "account_id", "first_seen", "level", "label")
account_rows = Table(
    "account_rows",
    metadata,
    Column("snapshot_id", ForeignKey("snapshots.id"), primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("risk", Float, nullable=False),
    Column("highest_risk", Float),  # at one of the last builds
    Column("percentile", Float),
    Column("level", String(16), nullable=False),
    Column("campaign_id", Text),
    Column("plan", String(32)),
    Column("used_for", String(32)),
    Column("created_at", UtcTime),
    Column("first_seen", UtcTime),
    Column("last_seen", UtcTime),
    Column("flagged_since", UtcTime),
    Column("requests", BigInteger, nullable=False),
    Column("recent_requests", BigInteger, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("label", Boolean),
    Column("label_campaign", Text),
    Column("banned_at", UtcTime),
    Column("indicators", Text, nullable=False),  # JSON
    Column("detail", Text, nullable=False),  # JSON
    # each holds all that filters of its order read, so that only the rows of a page are looked up
    Index("ix_account_rows_risk", "snapshot_id", "risk", "plan", *_COVERED),
    Index("ix_account_rows_highest", "snapshot_id", "highest_risk", "plan", "used_for", "account_id", "label"),
    Index("ix_account_rows_level", "snapshot_id", "level", "risk", "plan", "used_for", "account_id", "first_seen"),
    Index("ix_account_rows_volume", "snapshot_id", "requests", "plan", *_COVERED),
    Index("ix_account_rows_novelty", "snapshot_id", "flagged_since", "plan", *_COVERED),
    Index("ix_account_rows_label", "snapshot_id", "label", "account_id"),
    Index("ix_account_rows_campaign", "snapshot_id", "campaign_id"),
    Index("ix_account_rows_plan", "snapshot_id", "plan", "risk", *_COVERED),
)
campaign_rows = Table(
    "campaign_rows",
    metadata,
    Column("snapshot_id", ForeignKey("snapshots.id"), primary_key=True),
    Column("campaign_id", Text, primary_key=True),
    Column("accounts", Integer, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("tokens", Float, nullable=False),
    Column("risk", Float),
    Column("odds", Float),  # null: grouped in an earlier week only
    Column("first_seen", UtcTime),
    Column("last_seen", UtcTime),
    Column("reported_since", UtcTime),
    Column("banned", Integer, nullable=False),
    Column("detail", Text, nullable=False),  # JSON
    Index("ix_campaign_rows_risk", "snapshot_id", "risk"),
)
member_rows = Table(
    "member_rows",
    metadata,
    Column("snapshot_id", ForeignKey("snapshots.id"), primary_key=True),
    Column("campaign_id", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("membership", Float, nullable=False),
    Column("ties", Text, nullable=False),
    Column("joined_at", UtcTime),
    Index("ix_member_rows_account", "snapshot_id", "account_id"),
)
risk_points = Table(
    "risk_points",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("as_of", UtcTime, primary_key=True),
    Column("risk", Float, nullable=False),
    Column("model_version", String(32), nullable=False),
    Index("ix_risk_points_risk", "as_of", "risk", "account_id"),
)

PICTURE = (account_rows, campaign_rows, member_rows)
"""What is replaced as a whole by the next build."""
