"""LiteLLM: `StandardLoggingPayload`, as callbacks to S3 and `generic_api` write it, and rows of `LiteLLM_SpendLogs`.

Names are those of `litellm/types/utils.py` (StandardLoggingPayload, StandardLoggingMetadata) and of
`litellm/proxy/schema.prisma` (LiteLLM_SpendLogs) in BerriAI/litellm. Of a chat the table of spend has the texts only in
`proxy_server_request`, and only with `store_prompts_in_spend_logs`.
"""

from features.formats.mapping import LogMapping, at

# What people call a customer differs: the end user of the call, the user of the key, or its team.
_ACCOUNT = (
    *("end_user", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id", "user"),
    *("metadata.user_api_key_team_id", "team_id"),
)
_CHATS = ("messages", "proxy_server_request")
_ERROR = "error_information.error_code"
_CALLS = (
    *("completion", "acompletion", "text_completion", "atext_completion", "responses", "aresponses"),
    *("anthropic_messages", "generate_content", "agenerate_content", "generate_content_stream"),
    *("agenerate_content_stream", "pass_through_endpoint"),
)

LITELLM = LogMapping(
    name="litellm",
    columns={
        "request_id": at("id", "request_id"),
        "timestamp": at("startTime"),
        "account_id": at(*_ACCOUNT),
        "api_key_id": at("metadata.user_api_key_hash", "api_key"),
        "channel": at(constant="api"),
        "model": at("model_group", "model"),
        "conversation_id": at("session_id", "trace_id"),
        "message_count": at(*_CHATS, form="message_count"),
        "system_prompt": at(*_CHATS, form="system_message"),
        "prompt": at(*_CHATS, form="last_user_message"),
        "input_tokens": at("prompt_tokens"),
        "output_tokens": at("completion_tokens"),
        "reasoning_tokens": at(
            "metadata.usage_object.completion_tokens_details.reasoning_tokens",
            "response.usage.completion_tokens_details.reasoning_tokens",
        ),
        "cached_tokens": at(
            "metadata.usage_object.prompt_tokens_details.cached_tokens",
            "metadata.usage_object.cache_read_input_tokens",
            "response.usage.prompt_tokens_details.cached_tokens",
        ),
        "max_tokens": at(
            "model_parameters.max_tokens", "model_parameters.max_completion_tokens", "proxy_server_request.max_tokens"
        ),
        "temperature": at("model_parameters.temperature", "proxy_server_request.temperature"),
        "stream": at("stream", "model_parameters.stream", "proxy_server_request.stream"),
        "tool_count": at("model_parameters.tools", "proxy_server_request.tools", form="count"),
        "finish_reason": at("response.choices[0].finish_reason"),
        "status_code": at(
            _ERROR,
            f"metadata.{_ERROR}",
            "status",
            values={"success": "200", "failure": "500"},
            pattern=r"^\d{3}$",
            constant="200",
        ),
        "client_address": at("requester_ip_address", "metadata.requester_ip_address"),
        "user_agent": at("metadata.user_agent"),
    },
    requests_are={"call_type": _CALLS},
    advice={
        "account_id": "send the customer in the request's `user` field or in the header x-litellm-end-user-id, or give "
        "every virtual key a user_id",
    },
    is_utc=True,
).as_format()
