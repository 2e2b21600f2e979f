"""Langfuse: observations of its export to a blob storage, enriched with what their traces know (`observations_v2/`).

Names are those of its field reference, langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields.
The older export of `observations/` beside `traces/` has no user in an observation, so it is refused.
"""

from features.formats.mapping import LogMapping, at

LANGFUSE = LogMapping(
    name="langfuse",
    columns={
        "request_id": at("id"),
        "timestamp": at("start_time"),
        "account_id": at("user_id"),
        "api_key_id": at("metadata.api_key_id", "metadata.user_api_key_hash"),
        "channel": at(constant="api"),
        "model": at("provided_model_name"),
        "conversation_id": at("session_id"),
        "message_count": at("input", form="message_count"),
        "system_prompt": at("input", form="system_message"),
        "prompt": at("input", form="last_user_message"),
        "input_tokens": at("usage_details.input"),
        "output_tokens": at("usage_details.output"),
        "reasoning_tokens": at("usage_details.reasoning_tokens", "usage_details.output_reasoning_tokens"),
        "cached_tokens": at("usage_details.input_cached_tokens", "usage_details.cache_read_input_tokens"),
        "max_tokens": at("model_parameters.max_tokens", "model_parameters.max_completion_tokens"),
        "temperature": at("model_parameters.temperature"),
        "stream": at("completion_start_time", form="present"),
        "status_code": at("level", values={"error": "500"}, pattern=r"^\d{3}$", constant="200"),
        "client_address": at("metadata.client_address", "metadata.requester_ip_address"),
        "user_agent": at("metadata.user_agent"),
    },
    requests_are={"type": ("generation",)},
    json_texts=("model_parameters",),
    advice={
        "account_id": "choose the export source 'Enriched observations', and give every trace a user_id, from the "
        "header that names the customer",
    },
    is_utc=True,
).as_format()
