"""Requests as the sources of the log formats write them, and which columns of the contract they lose."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]
Record = dict[str, Any]
_UNKNOWN = ("asn", "tls_ja4", "channel")  # no gateway logs the network or the handshake; the channel is always api


@dataclass(frozen=True)
class Writer:
    """How a source writes a request, and which columns of it are lost."""

    write: Callable[[Row], Record]
    lost: Sequence[str]


def _epoch(moment: datetime, per_second: int) -> int:
    """Time since 1970."""
    return int(moment.timestamp()) * per_second + moment.microsecond * per_second // 10**6


def _messages(row: Row) -> list[Record]:
    """The conversation of a request, of the length that it has."""
    system = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
    talk = [{"role": "assistant", "content": "Yes?"}] * (row["message_count"] - len(system) - 1)
    return [*system, *talk, {"role": "user", "content": row["prompt"]}]


def _given(**values: Any) -> Record:
    """Fields that have a value."""
    return {name: value for name, value in values.items() if value is not None}


def _body(row: Row) -> Record:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}] * row["tool_count"]
    return _given(
        model=row["model"],
        messages=_messages(row),
        max_tokens=row["max_tokens"],
        temperature=row["temperature"],
        stream=row["stream"],
        tools=tools,
    )


def _usage(row: Row) -> Record:
    return {
        "prompt_tokens": row["input_tokens"],
        "completion_tokens": row["output_tokens"],
        "total_tokens": row["input_tokens"] + row["output_tokens"],
        "prompt_tokens_details": _given(cached_tokens=row["cached_tokens"]),
        "completion_tokens_details": _given(reasoning_tokens=row["reasoning_tokens"]),
    }


def _reply(row: Row) -> Record:
    message = {"role": "assistant", "content": "Because."}
    return {"choices": [{"index": 0, "finish_reason": row["finish_reason"], "message": message}], "usage": _usage(row)}


def _litellm(row: Row) -> Record:
    """`StandardLoggingPayload` of the S3 callback."""
    failed = row["status_code"] != 200
    asked = _body(row)
    return {
        "id": row["request_id"],
        "trace_id": row["conversation_id"],
        "call_type": "acompletion",
        "stream": row["stream"],
        "status": "failure" if failed else "success",
        "error_information": {"error_code": str(row["status_code"]) if failed else "", "error_class": ""},
        "prompt_tokens": row["input_tokens"],
        "completion_tokens": row["output_tokens"],
        "startTime": _epoch(row["timestamp"], 10**6) / 10**6,
        "endTime": _epoch(row["timestamp"], 1) + 5.5,
        "model": row["model"],
        "metadata": {
            "user_api_key_hash": row["api_key_id"],
            "user_api_key_user_id": "somebody else",
            "user_agent": row["user_agent"],
            "usage_object": _usage(row),
        },
        "end_user": row["account_id"],
        "requester_ip_address": row["client_address"],
        "messages": asked["messages"],
        "response": _reply(row),
        "model_parameters": {name: asked[name] for name in ("max_tokens", "temperature", "tools") if name in asked},
        "hidden_params": {"model_id": "m", "additional_headers": {"x": [1, {}]}},
    }


def _otlp_value(value: Any) -> Record:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_otlp_value(item) for item in value]}}
    return {"stringValue": value}


def _attributes(row: Row) -> Record:
    """The attributes of a span, by the present names."""
    parts = [{"role": m["role"], "parts": [{"type": "text", "content": m["content"]}]} for m in _messages(row)]
    return _given(**{
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": row["model"],
        "gen_ai.conversation.id": row["conversation_id"],
        "gen_ai.input.messages": json.dumps(parts),
        "gen_ai.usage.input_tokens": row["input_tokens"],
        "gen_ai.usage.output_tokens": row["output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": row["cached_tokens"],
        "gen_ai.usage.reasoning.output_tokens": row["reasoning_tokens"],
        "gen_ai.request.max_tokens": row["max_tokens"],
        "gen_ai.request.temperature": row["temperature"],
        "gen_ai.request.stream": row["stream"],
        "gen_ai.tool.definitions": json.dumps(_body(row)["tools"]),
        "gen_ai.response.finish_reasons": [row["finish_reason"]] if row["finish_reason"] else None,
        "http.response.status_code": row["status_code"],
        "http.request.header.x-request-id": [row["request_id"]],
        "enduser.id": row["account_id"],
        "api_key.id": row["api_key_id"],
        "client.address": row["client_address"],
        "client.geo.country_iso_code": row["country"],
        "user_agent.original": row["user_agent"],
    })  # fmt: skip


def _span(row: Row, pairs: Record) -> Record:
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{hash(row['request_id']) & 0xFFFFFFFFFFFFFFFF:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(_epoch(row["timestamp"], 10**9)),
        "endTimeUnixNano": str(_epoch(row["timestamp"], 10**9) + 10**9),
        "attributes": [{"key": key, "value": _otlp_value(value)} for key, value in pairs.items()],
        "status": {"code": 2} if row["status_code"] != 200 else {},
    }


def _envelope(*spans: Record) -> Record:
    """A line of the Collector's file exporter."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "gateway"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "s"}, "spans": list(spans)}]}]}


def _otel(row: Row) -> Record:
    tool = _span(row, {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look"})
    return _envelope(tool, _span(row, _attributes(row)))


def _langfuse(row: Row) -> Record:
    """An enriched observation of the blob export."""
    moment = row["timestamp"].strftime("%Y-%m-%d %H:%M:%S.%f")
    asked = _body(row)
    details = {"input_cached_tokens": row["cached_tokens"], "reasoning_tokens": row["reasoning_tokens"]}
    return {
        "id": row["request_id"],
        "trace_id": "t",
        "type": "GENERATION",
        "start_time": moment,
        "end_time": moment,
        "name": "chat",
        "metadata": _given(
            api_key_id=row["api_key_id"], client_address=row["client_address"], user_agent=row["user_agent"]
        ),
        "level": "DEFAULT" if row["status_code"] == 200 else "ERROR",
        "input": json.dumps(asked["messages"]),
        "output": "Because.",
        "provided_model_name": row["model"],
        "model_parameters": json.dumps(_given(max_tokens=row["max_tokens"], temperature=row["temperature"])),
        "usage_details": _given(input=row["input_tokens"], output=row["output_tokens"], **details),
        "completion_start_time": moment if row["stream"] else None,
        "user_id": row["account_id"],
        "session_id": row["conversation_id"] or "",
    }


def _envoy(row: Row) -> Record:
    """A line of the access log."""
    nothing = "-"
    return {
        "start_time": row["timestamp"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "account_id": row["account_id"],
        "api_key_id": row["api_key_id"] or nothing,
        "x-request-id": row["request_id"],
        "gen_ai.request.model": row["model"],
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": row["input_tokens"],
        "gen_ai.usage.output_tokens": row["output_tokens"],
        "gen_ai.usage.reasoning_tokens": nothing if row["reasoning_tokens"] is None else row["reasoning_tokens"],
        "gen_ai.usage.cache_read.input_tokens": nothing if row["cached_tokens"] is None else row["cached_tokens"],
        "session.id": row["conversation_id"] or nothing,
        "response_code": row["status_code"],
        "downstream_remote_address": f"{row['client_address']}:5123" if row["client_address"] else nothing,
        "country": row["country"] or nothing,
        "user-agent": row["user_agent"],
        "tls_ja4": row["tls_ja4"],
        "duration": 812,
    }


def _kong(row: Row) -> Record:
    """What a logging plugin writes with `log_payloads`."""
    return {
        "request": {"id": row["request_id"], "headers": _given(**{"user-agent": row["user_agent"]}), "uri": "/chat"},
        "response": {"status": row["status_code"], "headers": {}},
        "client_ip": row["client_address"],
        "started_at": _epoch(row["timestamp"], 10**3),
        "consumer": {"id": "0b1e", "custom_id": row["account_id"], "username": "u"},
        "authenticated_entity": {"id": row["api_key_id"]},
        "ai": {
            "payload": {"request": json.dumps(_body(row))},
            "proxy": {"meta": {"request_model": row["model"], "provider_name": "openai"}, "usage": _usage(row)},
        },
    }


def _cloudflare(row: Row) -> Record:
    """An event of Logpush, its bodies decrypted."""
    return {
        "Timestamp": _epoch(row["timestamp"], 10**9),
        "Gateway": "g",
        "Provider": "openai",
        "Model": "served",
        "RequestedModel": row["model"],
        "StatusCode": row["status_code"],
        "Metadata": _given(
            request_id=row["request_id"],
            user_id=row["account_id"],
            api_key_id=row["api_key_id"],
            session_id=row["conversation_id"],
            country=row["country"],
        ),
        "RequestBody": _body(row),
        "ResponseBody": _reply(row),
    }


_TEXTS = ("prompt", "system_prompt", "message_count")
WRITERS = {
    "litellm": Writer(_litellm, ("country", *_UNKNOWN)),
    "otel": Writer(_otel, _UNKNOWN),
    "langfuse": Writer(_langfuse, ("tool_count", "finish_reason", "country", *_UNKNOWN)),
    "envoy": Writer(
        _envoy,
        ("max_tokens", "temperature", "stream", "tool_count", "finish_reason", *_TEXTS, "asn", "channel"),
    ),
    "kong": Writer(_kong, ("conversation_id", "finish_reason", "country", *_UNKNOWN)),
    "cloudflare": Writer(_cloudflare, ("client_address", "user_agent", *_UNKNOWN)),
}
