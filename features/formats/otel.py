"""OpenTelemetry: spans of calls of models, as OTLP JSON lines of the Collector's file exporter, or as a table of spans.

Names are those of the attribute registry of open-telemetry/semantic-conventions-genai (`docs/registry/attributes`),
with the names that they had before (`gen_ai.usage.prompt_tokens`), and those of OpenLLMetry
(`opentelemetry-semantic-conventions-ai` in traceloop/openllmetry). A table has a column of attributes (a map, an object
or JSON), or a column for each. Contents that are logged as events beside the span are not read.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from features.formats.chat import as_text
from features.formats.mapping import LogMapping, Source, at
from features.formats.paths import Records
from features.intake.records.json_text import BROKEN, Fields

_KINDS = ("stringValue", "intValue", "doubleValue", "boolValue", "arrayValue", "kvlistValue")
_VALUE = pl.Struct(dict.fromkeys(_KINDS, pl.String))
_ATTRIBUTES = pl.List(pl.Struct({"key": pl.String, "value": _VALUE}))
_SPAN_FIELDS = ("traceId", "spanId", "startTimeUnixNano")
_SPAN = pl.Struct({
    **dict.fromkeys(_SPAN_FIELDS, pl.String),
    "status": pl.Struct({"code": pl.String}),
    "attributes": _ATTRIBUTES,
})  # fmt: skip
_RESOURCE = pl.Struct({"scopeSpans": pl.List(pl.Struct({"spans": pl.List(_SPAN)}))})
_ENVELOPE = "resourceSpans"
# Columns of a table of spans: OTLP's own names, those of ClickHouse's exporter, and snake case.
_TABLE = {
    "trace_id": ("traceId", "trace_id", "TraceId"),
    "span_id": ("spanId", "span_id", "SpanId"),
    "start": ("startTimeUnixNano", "start_time_unix_nano", "start_time", "Timestamp", "timestamp"),
    "status": ("status_code", "StatusCode", "status"),
}
_MAPS = ("attributes", "span_attributes", "SpanAttributes", "Attributes")
_PROMPT = "gen_ai.prompt"  # of OpenLLMetry: gen_ai.prompt.0.role, gen_ai.prompt.0.content
_FIRST_OF = ("gen_ai.response.finish_reasons", "http.request.header.x-request-id")
_NUMBERED = r"^gen_ai\.prompt\.(\d+)\.(role|content)$"


_LISTS = ("gen_ai.input.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions", *_FIRST_OF)


def _plain(values: pl.Series) -> pl.Series:
    """Write lists as plain JSON, where OTLP or an exporter kept their structure; of some the first item counts."""
    if values.name in _FIRST_OF:
        first = values.str.extract(r'^\s*(?:\[|\{"values":\[\{"stringValue":)\s*"([^"]*)"')
        return values.to_frame("v").select(pl.coalesce(pl.lit(first), "v").alias(values.name)).to_series()
    nested = values.str.starts_with('{"values"').fill_null(False)
    if nested.any():
        plain = [json.dumps(_any_value({"arrayValue": json.loads(text)})) for text in values.filter(nested)]
        values = values.scatter(nested.arg_true(), plain)
    return values


def _any_value(value: dict[str, Any]) -> Any:
    """Turn a value as OTLP has it into what it stands for."""
    for kind, written in value.items():
        if written is None:
            continue
        inner = json.loads(written) if kind in ("arrayValue", "kvlistValue") and isinstance(written, str) else written
        if kind == "arrayValue":
            return [_any_value(item) for item in (inner or {}).get("values", [])]
        if kind == "kvlistValue":
            return {item["key"]: _any_value(item.get("value", {})) for item in (inner or {}).get("values", [])}
        return inner
    return None


def _attributes(*names: str, **more: Any) -> Source:
    return at(*(f'"{name}"' for name in names), **more)


_CHATS = ("gen_ai.input.messages", _PROMPT, "traceloop.entity.input")
_CALLS = ("chat", "completion", "text_completion", "generate_content", "message", "messages", "responses")


def _file_fields(names: Sequence[str]) -> Fields:
    """Return the fields of a line of OTLP, and of a table or line of one span."""
    flat = {column: pl.String() for columns in _TABLE.values() for column in columns}
    own = {prefix + name: pl.String() for name in names for prefix in ("", "attributes.")}
    maps = {name: pl.String() for name in _MAPS}
    return {_ENVELOPE: pl.List(_RESOURCE), **flat, **maps, **own}


def _flatten(records: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Make a row per span, with a column per attribute."""
    attributes = [name for name in names if name not in _TABLE]
    has_lines = _ENVELOPE in records.columns and records[_ENVELOPE].null_count() < len(records)
    spans = _from_lines(records, attributes) if has_lines else _from_table(records, attributes)
    if "status" in spans.columns:  # 2 is an error; ClickHouse's exporter writes the word
        failed = pl.col("status").str.to_lowercase().str.contains(r'^2$|error|"code": ?"?2')
        spans = spans.with_columns(pl.when(failed).then(pl.lit("500")).otherwise(pl.lit("200")).alias("status"))
    lists = [name for name in spans.columns if name in _LISTS]
    return spans.with_columns(_plain(spans[name]) for name in lists)


def _from_lines(records: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    extra = [BROKEN] if BROKEN in records.columns else []
    spans = records.select(_ENVELOPE, *extra)
    for field in ("scopeSpans", "spans"):
        column = spans.columns[0]
        spans = spans.explode(column).select(pl.col(column).struct.field(field), *extra)
    spans = spans.explode("spans").select(pl.col("spans").struct.unnest(), *extra).with_row_index("i")
    if not spans.is_empty():
        is_span = pl.col("spanId").is_not_null() | (pl.col(BROKEN).is_not_null() if extra else False)
        spans = spans.filter(is_span)
    long = spans.select("i", "attributes").explode("attributes").select("i", pl.col("attributes").struct.unnest())
    kinds = long.select("i", "key", pl.col("value").struct.unnest())
    is_number = pl.col("doubleValue").cast(pl.Float64, strict=False).is_not_null()
    long = kinds.with_columns(
        pl.when(is_number).then("doubleValue"), pl.when(pl.col("boolValue").is_in(("true", "false"))).then("boolValue")
    )
    flat = spans.select(
        "i",
        *extra,
        trace_id="traceId",
        span_id="spanId",
        start="startTimeUnixNano",
        status=pl.col("status").struct.field("code"),
    )
    return _widen(flat, long.select("i", "key", value=pl.coalesce(_KINDS)), names)


def _from_table(records: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    extra = [BROKEN] if BROKEN in records.columns else []
    columns = {name: [each for each in choices if each in records.columns] for name, choices in _TABLE.items()}
    parts = {
        name: pl.coalesce(pl.col(each).cast(pl.String) for each in there) for name, there in columns.items() if there
    }
    if "start" in parts and not all(records[each].dtype == pl.String for each in columns["start"]):
        parts["start"] = pl.col(next(each for each in columns["start"] if records[each].dtype != pl.String))
    flat = records.select(*extra, **parts) if parts or extra else pl.DataFrame(height=len(records))
    held = [name for name in _MAPS if name in records.columns and records[name].null_count() < len(records)]
    paths = tuple((each, name) for each in held for name in names)
    maps = Records(records, paths)
    values = {}
    for name in names:
        own = [records[column] for column in (name, f"attributes.{name}") if column in records.columns]
        taken = [part for each in held if (part := maps.take((each, name))) is not None]
        texts = [as_text(part).rename(str(i)) for i, part in enumerate([*own, *taken])]
        if texts:
            values[name] = pl.DataFrame(texts).select(pl.coalesce(pl.all())).to_series()
    return flat.with_columns(pl.Series(name, series) for name, series in values.items())


def _widen(flat: pl.DataFrame, long: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Give each wanted attribute a column, and put numbered prompts together as a list of messages."""
    parts = long.filter(pl.col("key").is_in(names)).partition_by("key", as_dict=True)
    rows = flat["i"]
    wide = {name: _column(parts.get((name,)), rows).alias(name) for name in names}
    if _PROMPT in names:
        numbered = long.filter(pl.col("key").str.starts_with(f"{_PROMPT}."))
        if len(numbered):
            listed = _column(_messages(numbered).rename({"list": "value"}), rows)
            wide[_PROMPT] = listed.zip_with(listed.is_not_null(), wide[_PROMPT]).alias(_PROMPT)
    return flat.with_columns(*wide.values()).drop("i")


def _column(part: pl.DataFrame | None, rows: pl.Series) -> pl.Series:
    """The first `value` for each of the `rows`, by `i`; null where there is none."""
    if part is None or part.is_empty():
        return pl.repeat(None, len(rows), dtype=pl.String, eager=True)
    asked, has_value = rows.to_numpy(), part["i"].to_numpy()
    first = np.full(max(asked.max(initial=0), has_value.max()) + 1, -1)
    first[has_value[::-1]] = np.arange(len(part))[::-1]  # of several the first is written last, and stays
    positions = pl.Series(first[asked])
    return part["value"].gather(positions.set(positions < 0, None))


def _messages(numbered: pl.DataFrame) -> pl.DataFrame:
    """Make JSON of `gen_ai.prompt.0.role` and the like: `i` and `list`."""
    groups = pl.col("key").str.extract_groups(_NUMBERED)
    parts = numbered.with_columns(number=groups.struct.field("1").cast(pl.UInt32), part=groups.struct.field("2"))
    wide = parts.drop_nulls("part").pivot(
        on="part", on_columns=["role", "content"], index=["i", "number"], values="value", aggregate_function="first"
    )
    message = pl.struct("role", "content").struct.json_encode()
    listed = wide.sort("i", "number").group_by("i", maintain_order=True).agg(message.str.join(","))
    return listed.select("i", list="[" + pl.col("role") + "]")


OTEL = LogMapping(
    name="otel",
    columns={
        "request_id": _attributes("http.request.header.x-request-id", "span_id"),
        "timestamp": at("start"),
        "account_id": _attributes(
            "enduser.id", "user.id", "gen_ai.user", "llm.user", "traceloop.association.properties.user_id"
        ),
        "api_key_id": _attributes("enduser.api_key.id", "api_key.id", "traceloop.association.properties.api_key_id"),
        "channel": at(constant="api"),
        "model": _attributes("gen_ai.request.model", "gen_ai.response.model"),
        "conversation_id": _attributes(
            "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id"
        ),
        "message_count": _attributes(*_CHATS, form="message_count"),
        "system_prompt": _attributes("gen_ai.system_instructions", *_CHATS, form="system_message"),
        "prompt": _attributes(*_CHATS, form="last_user_message"),
        "input_tokens": _attributes("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output_tokens": _attributes("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "reasoning_tokens": _attributes(
            "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.usage.reasoning_tokens"
        ),
        "cached_tokens": _attributes("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
        "max_tokens": _attributes("gen_ai.request.max_tokens", "gen_ai.request.max_completion_tokens"),
        "temperature": _attributes("gen_ai.request.temperature"),
        "stream": _attributes("gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming"),
        "tool_count": _attributes("gen_ai.tool.definitions", form="count"),
        "finish_reason": _attributes(
            "gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "llm.response.finish_reason"
        ),
        "status_code": _attributes(
            "http.response.status_code", "http.status_code", "error.type", "status", pattern=r"^\d{3}$", constant="200"
        ),
        "client_address": _attributes("client.address", "http.client_ip", "net.peer.ip"),
        "country": _attributes("client.geo.country_iso_code", "geo.country.iso_code"),
        "user_agent": _attributes("user_agent.original", "http.user_agent"),
    },
    requests_are={'"gen_ai.operation.name"': _CALLS, '"llm.request.type"': _CALLS},
    needs=("model",),
    advice={"account_id": "set the attribute enduser.id of the span, from the header that names the customer"},
    flatten=_flatten,
    file_fields=_file_fields,
).as_format()
