"""What hermes-compatible contributes: a provider for each known endpoint and each endpoint of the user's, and `custom`.

The table in `_presets` is the one place where an endpoint is described; a new endpoint is a row there. What the
further words of a row mean is said in `hermes_compatible.preset`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, ProviderSpec, SecretSpec, SectionSpec

_CONNECT = "hermes_compatible.provider:connect"

_MINIMAX: dict[str, Any] = {
    "wire": "messages",
    "key_header": "bearer",
    "documents": False,
    "unsigned_thinking": True,
    # For an address of the user's that ends in /v1, where MiniMax speaks chat completions.
    "echo": "think",
    "think_tags": True,
}


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Any endpoint that speaks chat completions or messages, with presets for the well-known ones",
        sections=(
            SectionSpec(name="compatible", target="hermes_compatible.settings:Settings"),
            SectionSpec(name="custom_providers", target="hermes_compatible.settings:CustomProviders"),
            SectionSpec(name="model", target="hermes_compatible.settings:ModelSection"),
        ),
        secrets=tuple(_secrets()),
    )


@hookimpl
def hermes_providers(config: Mapping[str, Any]) -> Iterable[ProviderSpec]:
    yield from _presets()
    yield _custom()
    yield from _named(config.get("custom_providers"))


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="compatible.keys",
        summary="Which of the known endpoints have a key",
        target="hermes_compatible.checks:keys",
    )


def _named(entries: object) -> Iterable[ProviderSpec]:
    """Specs for the well-formed entries of `custom_providers`; the configuration's own check reports the others."""
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(name, str) or not name:
            continue
        model = entry.get("model")
        yield ProviderSpec(
            name=name,
            summary=f"The endpoint {name!r} of custom_providers",
            target=_CONNECT,
            default_model=model if isinstance(model, str) else "",
            options={"kind": "named", "quirks": {"think_tags": True, "read_timeout": 300.0}},
            priority=1,
        )


def _custom() -> ProviderSpec:
    return ProviderSpec(
        name="custom",
        summary="Any other endpoint that speaks chat completions or messages",
        target=_CONNECT,
        options={
            "kind": "custom",
            "url_variable": "OPENAI_BASE_URL",
            "quirks": {"think_tags": True, "read_timeout": 300.0},
        },
    )


def _secrets() -> Iterable[SecretSpec]:
    """Keys, and the variables that override base URLs: a plugin sees no variable that it does not declare."""
    for spec in (*_presets(), _custom()):
        for name in spec.secrets:
            yield SecretSpec(name=name, summary=f"Key for {spec.name}", url=spec.url)
        if spec.options["url_variable"]:
            yield SecretSpec(
                name=spec.options["url_variable"], summary=f"Another base URL for {spec.name}", sensitive=False
            )


def _preset(
    name: str,
    summary: str,
    base_url: str,
    *,
    keys: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
    url: str = "",
    default_model: str = "",
    url_variable: str = "",
    hosts: tuple[str, ...] = (),
    key_bases: Mapping[str, str] | None = None,
    wire: str = "chat",
    bearer_keys: tuple[str, ...] = (),
    priority: int = 0,
    **quirks: Any,
) -> ProviderSpec:
    return ProviderSpec(
        name=name,
        summary=summary,
        target=_CONNECT,
        aliases=aliases,
        secrets=keys,
        default_model=default_model,
        url=url,
        priority=priority,
        options={
            "kind": "preset",
            "wire": wire,
            "base_url": base_url,
            "url_variable": url_variable,
            "hosts": hosts,
            "key_bases": dict(key_bases or {}),
            "bearer_keys": bearer_keys,
            "quirks": quirks,
        },
    )


def _presets() -> Iterable[ProviderSpec]:
    yield _preset(
        "openrouter",
        "OpenRouter: models of all vendors behind one key",
        "https://openrouter.ai/api/v1",
        keys=("OPENROUTER_API_KEY",),
        url_variable="OPENROUTER_BASE_URL",
        url="https://openrouter.ai/keys",
        default_model="openrouter/auto",
        reasoning="object",
        echo="reasoning_details",
        headers={"X-Title": "hermes-host"},
    )
    yield _preset(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        keys=("OPENAI_API_KEY",),
        url="https://platform.openai.com/api-keys",
        max_tokens="max_completion_tokens",
        reasoning="effort",
        cache_key=True,
        read_timeout=300.0,
    )
    yield _preset(
        "anthropic",
        "Anthropic's Claude models, without the SDK",
        "https://api.anthropic.com",
        keys=("ANTHROPIC_API_KEY", "ANTHROPIC_TOKEN"),
        aliases=("claude",),
        url="https://platform.claude.com/settings/keys",
        default_model="claude-sonnet-5-5",
        wire="messages",
        bearer_keys=("ANTHROPIC_TOKEN",),
        # The plugin of that name, which uses the vendor's SDK, goes before.
        priority=-1,
        read_timeout=300.0,
        drops_unbound_thinking=True,
    )
    yield _preset(
        "nous",
        "Nous Research",
        "https://inference-api.nousresearch.com/v1",
        keys=("NOUS_API_KEY",),
        url_variable="NOUS_INFERENCE_BASE_URL",
        url="https://portal.nousresearch.com",
        reasoning="object",
        think_tags=True,
    )
    yield _preset(
        "zai",
        "Z.AI (GLM)",
        "https://api.z.ai/api/paas/v4",
        keys=("GLM_API_KEY", "ZAI_API_KEY", "Z_AI_API_KEY"),
        aliases=("glm", "z-ai", "zhipu"),
        url_variable="GLM_BASE_URL",
        hosts=("open.bigmodel.cn",),
        url="https://z.ai/manage-apikey/apikey-list",
        reasoning="thinking",
        echo="reasoning_content",
    )
    yield _preset(
        "kimi-coding",
        "Kimi (Moonshot AI), also with keys for Kimi coding plans",
        "https://api.moonshot.ai/v1",
        keys=("KIMI_API_KEY", "MOONSHOT_API_KEY"),
        aliases=("kimi", "moonshot"),
        url_variable="KIMI_BASE_URL",
        hosts=("api.moonshot.cn", "api.kimi.com"),
        url="https://platform.moonshot.ai/console/api-keys",
        key_bases={"sk-kimi-": "https://api.kimi.com/coding/v1"},
        reasoning="thinking",
        echo="reasoning_content",
    )
    yield _preset(
        "minimax",
        "MiniMax",
        "https://api.minimax.io/anthropic",
        keys=("MINIMAX_API_KEY",),
        url="https://platform.minimax.io",
        **_MINIMAX,
    )
    yield _preset(
        "minimax-cn",
        "MiniMax (China)",
        "https://api.minimaxi.com/anthropic",
        keys=("MINIMAX_CN_API_KEY",),
        url="https://platform.minimaxi.com",
        **_MINIMAX,
    )
    yield _preset(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com/v1",
        keys=("DEEPSEEK_API_KEY",),
        url="https://platform.deepseek.com/api_keys",
        reasoning="thinking",
        echo="reasoning_content",
    )
    yield _preset(
        "alibaba",
        "Alibaba Cloud (Qwen)",
        "https://coding-intl.dashscope.aliyuncs.com/v1",
        keys=("DASHSCOPE_API_KEY",),
        aliases=("dashscope", "aliyun", "qwen"),
        url_variable="DASHSCOPE_BASE_URL",
        hosts=(
            "coding.dashscope.aliyuncs.com",
            "dashscope.aliyuncs.com",
            "dashscope-intl.aliyuncs.com",
            "dashscope-us.aliyuncs.com",
        ),
        url="https://modelstudio.console.alibabacloud.com",
        reasoning="enable_thinking",
    )
    yield _preset(
        "huggingface",
        "Hugging Face inference providers",
        "https://router.huggingface.co/v1",
        keys=("HF_TOKEN",),
        aliases=("hf",),
        url="https://huggingface.co/settings/tokens",
        think_tags=True,
    )
    yield _preset(
        "ai-gateway",
        "Vercel AI Gateway",
        "https://ai-gateway.vercel.sh/v1",
        keys=("AI_GATEWAY_API_KEY",),
        aliases=("vercel", "aigateway"),
        url="https://vercel.com/docs/ai-gateway",
        reasoning="object",
        echo="reasoning_details",
    )
    yield _preset(
        "kilocode",
        "Kilo Code gateway",
        "https://api.kilo.ai/api/gateway",
        keys=("KILOCODE_API_KEY",),
        aliases=("kilo",),
        url="https://kilo.ai",
        reasoning="object",
        echo="reasoning_details",
    )
    yield _preset(
        "opencode-zen",
        "OpenCode Zen",
        "https://opencode.ai/zen/v1",
        keys=("OPENCODE_ZEN_API_KEY",),
        aliases=("opencode", "zen"),
        url="https://opencode.ai/auth",
    )
    yield _preset(
        "opencode-go",
        "OpenCode Go",
        "https://opencode.ai/zen/go/v1",
        keys=("OPENCODE_GO_API_KEY",),
        aliases=("go",),
        url="https://opencode.ai/auth",
    )
    yield _preset(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        keys=("GROQ_API_KEY",),
        url="https://console.groq.com/keys",
        max_tokens="max_completion_tokens",
        reasoning="effort",
        efforts=("low", "medium", "high"),
    )
    yield _preset(
        "mistral",
        "Mistral AI",
        "https://api.mistral.ai/v1",
        keys=("MISTRAL_API_KEY",),
        url="https://console.mistral.ai/api-keys",
        default_model="mistral-large-latest",
        stream_usage=False,
        short_call_ids=True,
    )
    yield _preset(
        "xai",
        "xAI (Grok)",
        "https://api.x.ai/v1",
        keys=("XAI_API_KEY",),
        aliases=("grok",),
        url="https://console.x.ai",
        read_timeout=300.0,
    )
    yield _preset(
        "gemini",
        "Google Gemini, through its chat completions endpoint",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        aliases=("google",),
        url="https://aistudio.google.com/apikey",
        reasoning="effort",
        efforts=("none", "low", "medium", "high"),
    )
    yield _preset(
        "ollama",
        "Ollama on this machine",
        "http://127.0.0.1:11434/v1",
        url_variable="OLLAMA_BASE_URL",
        url="https://ollama.com/download",
        reasoning="effort",
        efforts=("none", "low", "medium", "high"),
        think_tags=True,
        read_timeout=600.0,
    )
    yield _preset(
        "lmstudio",
        "LM Studio on this machine",
        "http://127.0.0.1:1234/v1",
        aliases=("lm-studio",),
        url_variable="LMSTUDIO_BASE_URL",
        url="https://lmstudio.ai/docs/developer",
        think_tags=True,
        read_timeout=600.0,
        models_path="/api/v0/models",
    )
    yield _preset(
        "vllm",
        "vLLM on this machine",
        "http://127.0.0.1:8000/v1",
        url_variable="VLLM_BASE_URL",
        url="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        think_tags=True,
        read_timeout=600.0,
    )
    yield _preset(
        "llamacpp",
        "llama.cpp's server on this machine",
        "http://127.0.0.1:8080/v1",
        aliases=("llama.cpp", "llama-cpp"),
        url_variable="LLAMACPP_BASE_URL",
        url="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
        think_tags=True,
        read_timeout=600.0,
    )
