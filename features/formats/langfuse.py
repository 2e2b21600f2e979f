"""Langfuse: observations of its export to a blob storage, enriched with what their traces know (`observations_v2/`).

Names are those of its field reference, langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields,
else those of the observations of its public API, present and older (`usage`, `promptTokens`; langfuse.com/docs/api).
The older export of `observations/` beside `traces/` has no user in an observation, so it is refused.
"""

from features.formats.mapping import LogMapping, at


def _details(*names: str) -> tuple[str, ...]:
    return tuple(f"{field}.{name}" for name in names for field in ("usage_details", "usageDetails"))


def _parameters(*names: str) -> tuple[str, ...]:
    return tuple(f"{field}.{name}" for name in names for field in ("model_parameters", "modelParameters"))


def _usage(own: str, openai: str) -> tuple[str, ...]:
    """The older field `usage`: Langfuse's own names, and those of OpenAI that it takes too."""
    return f"usage.{own}", f"usage.{openai}Tokens", f"usage.{openai}_tokens"


LANGFUSE = LogMapping(
    name="langfuse",
    columns={
        "request_id": at("id"),
        "timestamp": at("start_time", "startTime"),
        "account_id": at("user_id", "userId"),
        "api_key_id": at("metadata.api_key_id", "metadata.user_api_key_hash"),
        "channel": at(constant="api"),
        "model": at("provided_model_name", "providedModelName", "model"),
        "conversation_id": at("session_id", "sessionId"),
        "message_count": at("input", form="message_count"),
        "system_prompt": at("input", form="system_message"),
        "prompt": at("input", form="last_user_message"),
        "input_tokens": at(*_details("input"), "promptTokens", *_usage("input", "prompt")),
        "output_tokens": at(*_details("output"), "completionTokens", *_usage("output", "completion")),
        "reasoning_tokens": at(*_details("reasoning_tokens", "output_reasoning_tokens")),
        "cached_tokens": at(*_details("input_cached_tokens", "cache_read_input_tokens")),
        "max_tokens": at(*_parameters("max_tokens", "max_completion_tokens")),
        "temperature": at(*_parameters("temperature")),
        "stream": at("completion_start_time", "completionStartTime", form="present"),
        "status_code": at("level", values={"error": "500"}, pattern=r"^\d{3}$", constant="200"),
        "client_address": at("metadata.client_address", "metadata.requester_ip_address"),
        "user_agent": at("metadata.user_agent"),
    },
    requests_are={"type": ("generation",), "usage.unit": ("tokens",)},  # other units are characters, images, seconds
    json_texts=("model_parameters", "modelParameters"),
    advice={
        "account_id": "choose the export source 'Enriched observations', and give every trace a user_id, from the "
        "header that names the customer",
    },
    is_utc=True,
).as_format()
