"""Conversations as interfaces of vendors write them: the last message of the user, the system prompt, the length.

Read are lists of messages of OpenAI and Anthropic (`role`, `content` as a text or a list of parts), of OpenTelemetry
(`role`, `parts`), of Google (`role`, `parts` with `text`), whole bodies of requests that hold such a list, and plain
texts.
"""

import polars as pl

from features.intake.records.json_text import decode

_TEXTS = ("text", "content", "result", "response", "output")  # of a part: also what a tool gave back
_PART = pl.List(pl.Struct(dict.fromkeys(_TEXTS, pl.String)))
_MESSAGE = pl.List(pl.Struct({**dict.fromkeys(("role", "content", "text"), pl.String), "parts": _PART}))
_LISTS = ("messages", "contents", "input", "prompt")  # of a body, the first that is there
_SYSTEMS = ("system", "instructions", "systemInstruction", "system_instruction")
_BODY = pl.Struct(dict.fromkeys((*_LISTS, *_SYSTEMS), pl.String))
_USER, _SYSTEM = ("user", "human"), ("system", "developer")
_ITEMS = pl.List(pl.Struct({"type": pl.String}))  # what is counted is mostly a list of objects


def as_text(values: pl.Series) -> pl.Series:
    """Turn nested values into JSON texts; other values into texts."""
    if values.dtype.is_nested():
        wrapped = values.to_frame("v").select(pl.struct("v").struct.json_encode()).to_series()
        inner = decode(wrapped, pl.Struct({"v": pl.String})).struct.field("v")
        return inner.rename(values.name)
    return values.cast(pl.String)


def read_chat(conversations: pl.Series) -> pl.DataFrame:
    """Read conversations: `prompt`, `system_prompt`, `message_count`, null where they don't say.

    Args:
        conversations: JSON texts of a list or a body, or plain texts, which are the prompt.
    """
    texts = as_text(conversations).rename("text")
    first = texts.str.strip_chars_start().str.slice(0, 1)
    is_body, is_list = (first == "{").fill_null(False), (first == "[").fill_null(False)
    system = pl.Series("system", [None] * len(texts), dtype=pl.String)
    if is_body.any():
        body = decode(texts.filter(is_body), _BODY).struct.unnest()
        positions = is_body.arg_true()
        texts = texts.scatter(positions, body.select(pl.coalesce(_LISTS)).to_series())
        system = system.scatter(positions, read_parts(body.select(pl.coalesce(_SYSTEMS)).to_series()))
        is_list = texts.str.strip_chars_start().str.starts_with("[").fill_null(False)
    rows = pl.DataFrame({"prompt": texts, "system": system}).with_columns(
        pl.lit(None, pl.UInt32).alias("message_count")
    )
    if is_list.any():
        positions, messages = is_list.arg_true(), _read_messages(texts.filter(is_list))
        joined = messages.select(
            pl.concat_str(pl.lit(system.filter(is_list)), "system", separator="\n", ignore_nulls=True)
        )
        rows = pl.DataFrame({
            "prompt": rows["prompt"].scatter(positions, messages["prompt"]),
            "system": rows["system"].scatter(positions, joined.to_series()),
            "message_count": rows["message_count"].scatter(positions, messages["message_count"]),
        })  # fmt: skip
    system_prompt = pl.when(pl.col("system") != "").then(pl.col("system"))
    return rows.select("prompt", system_prompt.alias("system_prompt"), "message_count")


def _read_messages(texts: pl.Series) -> pl.DataFrame:
    """Read lists of messages: the last of the user (else of a tool), what the system says, and how many there are."""
    lists = decode(texts, _MESSAGE).to_frame("messages")
    role, content = (pl.element().struct.field(name) for name in ("role", "content"))
    parts, each = pl.element().struct.field("parts"), pl.element()
    in_parts = parts.list.eval(pl.coalesce(each.struct.field(name) for name in _TEXTS).drop_nulls()).list.join("\n")
    said = pl.coalesce(content, in_parts, pl.element().struct.field("text"))
    messages = pl.col("messages").list
    role = role.str.to_lowercase()
    # Without a role, what has parts is a message of the user (Google), anything else a part of a system prompt.
    is_bare, has_parts = role.is_null(), pl.element().struct.field("parts").is_not_null()
    is_user, is_system = role.is_in(_USER) | (is_bare & has_parts), role.is_in(_SYSTEM) | (is_bare & ~has_parts)
    read = lists.select(
        user=messages.eval(said.filter(is_user)).list.last(),
        tool=messages.eval(said.filter(role.is_in(("tool", "function")))).list.last(),
        system=messages.eval(said.filter(is_system)),
        message_count=messages.len(),
    )
    systems = read.select(pl.int_range(pl.len()).alias("i"), "system").explode("system").drop_nulls()
    systems = systems.with_columns(read_parts(systems["system"]).alias("system"))
    joined = systems.group_by("i").agg(pl.col("system").str.join("\n"))
    read = read.select(pl.int_range(pl.len()).alias("i"), pl.exclude("system")).join(
        joined, on="i", how="left", maintain_order="left"
    )
    prompt = read_parts(read.select(pl.coalesce("user", "tool")).to_series())
    return pl.DataFrame({"prompt": prompt, "system": read["system"], "message_count": read["message_count"]})


def read_parts(contents: pl.Series) -> pl.Series:
    """Put the texts of a list of parts together; a content that is a text stays."""
    is_parts = contents.str.contains(r'^\s*[\[{].*"(?:text|content|result|response|output|parts)"\s*:').fill_null(False)
    if not is_parts.any():
        return contents
    listed = contents.filter(is_parts).str.strip_chars()
    alone = listed.str.starts_with("{")
    listed = (
        listed.to_frame("c").select(pl.when(pl.lit(alone)).then("[" + pl.col("c") + "]").otherwise("c")).to_series()
    )
    parts = decode(listed, _PART)
    each = pl.element()
    texts = parts.list.eval(pl.coalesce(each.struct.field(name) for name in _TEXTS).drop_nulls()).list.join("\n")
    return contents.scatter(is_parts.arg_true(), texts)


def count_items(values: pl.Series) -> pl.Series:
    """Count the items of a list, as such or as JSON text; null where there is none."""
    if isinstance(values.dtype, pl.List):
        return values.list.len()
    lists = as_text(values)
    is_list = lists.str.strip_chars_start().str.starts_with("[")
    return decode(lists.to_frame("l").select(pl.when(is_list).then("l")).to_series(), _ITEMS).list.len()
