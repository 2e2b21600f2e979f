"""Envoy AI Gateway: its access log in JSON.

Names are those of `examples/access-log` in envoyproxy/ai-gateway, and of Envoy Gateway's default JSON log. Whoever runs
the gateway chooses the names; a mapping file serves others. The log has no texts, and the customer only if told to.
"""

from features.formats.mapping import LogMapping, at


def _named(*names: str) -> tuple[str, ...]:
    return tuple(f'"{name}"' for name in names)


ENVOY = LogMapping(
    name="envoy",
    columns={
        "request_id": at(*_named("x-request-id", "request_id")),
        "timestamp": at("start_time"),
        "account_id": at(*_named("account_id", "user.id", "enduser.id", "x-user-id", "x-account-id", "x-tenant-id")),
        "api_key_id": at(*_named("api_key_id", "x-api-key-id")),
        "channel": at(constant="api"),
        "model": at(*_named("gen_ai.request.model", "gen_ai.response.model", "x-ai-eg-model")),
        "conversation_id": at(*_named("session.id", "gen_ai.conversation.id")),
        "input_tokens": at(*_named("gen_ai.usage.input_tokens", "llm_input_token")),
        "output_tokens": at(*_named("gen_ai.usage.output_tokens", "llm_output_token")),
        "reasoning_tokens": at(
            *_named("gen_ai.usage.reasoning_tokens", "gen_ai.usage.reasoning.output_tokens", "llm_reasoning_token")
        ),
        "cached_tokens": at(
            *_named(
                "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_input_tokens", "llm_cached_input_token"
            )
        ),
        "status_code": at("response_code"),
        "client_address": at(*_named("x-forwarded-for", "client.address", "downstream_remote_address")),
        "country": at(*_named("country", "x-geo-country")),
        "user_agent": at(*_named("user-agent", "user_agent.original")),
        "tls_ja4": at(*_named("tls_ja4", "ja4")),
    },
    advice={
        "account_id": 'add account_id: "%REQ(X-USER-ID)%" to the JSON of the access log, where X-USER-ID is the header '
        "that names the customer",
    },
).as_format()
