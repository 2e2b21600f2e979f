"""Cloudflare AI Gateway: the dataset `ai_gateway_events` of Logpush, its bodies decrypted.

Names are those of developers.cloudflare.com/logs/logpush/logpush-job/datasets/account/ai_gateway_events. Of a customer
the gateway knows what the header cf-aig-metadata says. Token counts are only in the body of the response.
"""

from features.formats.mapping import LogMapping, at

_ASKED, _SAID = "RequestBody", "ResponseBody"
_BODIES = "decrypt RequestBody and ResponseBody with the private key of the gateway before the ingest"

CLOUDFLARE = LogMapping(
    name="cloudflare",
    columns={
        "request_id": at("Metadata.request_id", f"{_SAID}.id"),
        "timestamp": at("Timestamp"),
        "account_id": at(*(f"Metadata.{name}" for name in ("account_id", "user_id", "customer_id", "user", "userId"))),
        "api_key_id": at("Metadata.api_key_id"),
        "channel": at(constant="api"),
        "model": at("RequestedModel", f"{_ASKED}.model", "Model"),
        "conversation_id": at("Metadata.session_id", "Metadata.conversation_id"),
        "message_count": at(_ASKED, form="message_count"),
        "system_prompt": at(_ASKED, form="system_message"),
        "prompt": at(_ASKED, form="last_user_message"),
        "input_tokens": at(f"{_SAID}.usage.prompt_tokens", f"{_SAID}.usage.input_tokens"),
        "output_tokens": at(f"{_SAID}.usage.completion_tokens", f"{_SAID}.usage.output_tokens"),
        "reasoning_tokens": at(f"{_SAID}.usage.completion_tokens_details.reasoning_tokens"),
        "cached_tokens": at(
            f"{_SAID}.usage.prompt_tokens_details.cached_tokens", f"{_SAID}.usage.cache_read_input_tokens"
        ),
        "max_tokens": at(f"{_ASKED}.max_tokens", f"{_ASKED}.max_completion_tokens"),
        "temperature": at(f"{_ASKED}.temperature"),
        "stream": at(f"{_ASKED}.stream"),
        "tool_count": at(f"{_ASKED}.tools", form="count"),
        "finish_reason": at(f"{_SAID}.choices[0].finish_reason", f"{_SAID}.stop_reason"),
        "status_code": at("StatusCode"),
        "client_address": at("Metadata.client_address"),
        "country": at("Metadata.country"),
        "user_agent": at("Metadata.user_agent"),
    },
    advice={
        "account_id": 'send the header cf-aig-metadata: {"user_id": "…"} with every request, and log Metadata',
        "input_tokens": _BODIES,
        "output_tokens": _BODIES,
    },
).as_format()
