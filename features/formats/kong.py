"""Kong: what its logging plugins write of requests that went through AI Proxy (Advanced).

Names are those of the AI Gateway audit log reference in Kong/developer.konghq.com (`app/ai-gateway`), of
`kong/pdk/log.lua` and of `kong/llm/drivers/shared.lua` in Kong/kong. Texts are there only with `logging.log_payloads`.
"""

from features.formats.mapping import LogMapping, at

_PLUGINS = ("proxy", '"ai-proxy"', '"ai-proxy-advanced"')  # the name that the plugin logs under has changed
_BODIES = ("ai.payload.request", *(f"ai.{plugin}.payload.request" for plugin in _PLUGINS))


def _logged(*names: str) -> tuple[str, ...]:
    return tuple(f"ai.{plugin}.{name}" for name in names for plugin in _PLUGINS)


def _asked(*names: str) -> tuple[str, ...]:
    return tuple(f"{body}.{name}" for name in names for body in _BODIES)


KONG = LogMapping(
    name="kong",
    columns={
        "request_id": at("request.id"),
        "timestamp": at("started_at"),
        "account_id": at(
            *("consumer.custom_id", "consumer.id", "authenticated_entity.consumer_id"),
            *('request.headers."x-consumer-custom-id"', 'request.headers."x-consumer-id"'),
        ),
        "api_key_id": at("authenticated_entity.id"),
        "channel": at(constant="api"),
        "model": at(*_asked("model"), *_logged("meta.request_model", "meta.response_model")),
        "message_count": at(*_BODIES, form="message_count"),
        "system_prompt": at(*_BODIES, form="system_message"),
        "prompt": at(*_BODIES, form="last_user_message"),
        "input_tokens": at(*_logged("usage.prompt_tokens", "usage.input_tokens")),
        "output_tokens": at(*_logged("usage.completion_tokens", "usage.output_tokens")),
        "reasoning_tokens": at(*_logged("usage.completion_tokens_details.reasoning_tokens")),
        "cached_tokens": at(*_logged("usage.prompt_tokens_details.cached_tokens")),
        "max_tokens": at(*_asked("max_tokens", "max_completion_tokens")),
        "temperature": at(*_asked("temperature")),
        "stream": at(
            *_asked("stream"),
            *_logged("meta.request_mode"),
            values={"stream": "true", "oneshot": "false"},
            pattern="^(true|false)$",
        ),
        "tool_count": at(*_asked("tools"), form="count"),
        "status_code": at("response.status"),
        "client_address": at('request.headers."x-forwarded-for"', "client_ip"),
        "user_agent": at('request.headers."user-agent"'),
    },
    needs=("model",),
    json_texts=_BODIES,
    advice={
        "account_id": "switch an authentication plugin such as key-auth on: Kong then logs the consumer and the header "
        "X-Consumer-ID",
        "input_tokens": "set logging.log_statistics of AI Proxy to true",
        "output_tokens": "set logging.log_statistics of AI Proxy to true",
    },
).as_format()
