"""The known endpoints as data: where they are, which key they take, and how they differ from one another.

A new endpoint is a row here. Only the standard library is imported, so that listing providers costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["CUSTOM", "PRESETS", "Preset", "Quirks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How an endpoint differs from OpenAI's own: about the wire only, not about what a model can do."""

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is understood (an endpoint without it sends usage unasked, or refuses)."""
    reasoning: Literal["", "effort", "object", "thinking", "enable_thinking"] = ""
    """How an effort is asked for: `reasoning_effort`; `reasoning: {effort}`; `thinking: {type}`; `enable_thinking`;
    empty: it cannot be asked for."""
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh")
    """The efforts it knows, in rising order; another one is moved to the nearest."""
    echo: Literal["", "reasoning_content", "reasoning_details", "think"] = ""
    """How the model's reasoning goes back to it: not at all, in a field, or as `<think>` tags in the content."""
    think_tags: bool = False
    """Whether reasoning may come as `<think>` tags at the beginning of the content."""
    cache_key: bool = False
    """Whether `prompt_cache_key` is understood."""
    short_call_ids: bool = False
    """Whether the ids of tool calls must be nine letters and digits."""
    read_timeout: float = 0.0
    """Seconds between two reads of an answer, where the usual 60 are too few; 0 for the usual."""
    models_path: str = ""
    """Another place for the list of models, from the root of the host, tried before `/models`."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One endpoint. `base_url` is without a slash at its end."""

    name: str
    title: str
    base_url: str
    keys: tuple[str, ...] = ()
    """The variables its key may be in, best first; empty where no key is needed."""
    url_variable: str = ""
    """The variable that overrides `base_url`."""
    hosts: tuple[str, ...] = ()
    """Further hosts of the same vendor, to which the key may go when the base URL is overridden."""
    key_bases: tuple[tuple[str, str], ...] = ()
    """Base URLs by the first characters of the key, where a vendor has kinds of keys for different endpoints."""
    aliases: tuple[str, ...] = ()
    url: str = ""
    """Where a key is got, or how a local server is started."""
    default_model: str = ""
    quirks: Quirks = field(default_factory=Quirks)


_LOCAL = Quirks(think_tags=True, read_timeout=600.0)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="openrouter",
            title="OpenRouter: models of all vendors behind one key",
            base_url="https://openrouter.ai/api/v1",
            url_variable="OPENROUTER_BASE_URL",
            keys=("OPENROUTER_API_KEY",),
            url="https://openrouter.ai/keys",
            default_model="openrouter/auto",
            quirks=Quirks(reasoning="object", echo="reasoning_details", headers=(("X-Title", "hermes-host"),)),
        ),
        Preset(
            name="openai",
            title="OpenAI",
            base_url="https://api.openai.com/v1",
            keys=("OPENAI_API_KEY",),
            url="https://platform.openai.com/api-keys",
            quirks=Quirks(max_tokens="max_completion_tokens", reasoning="effort", cache_key=True, read_timeout=300.0),
        ),
        Preset(
            name="nous",
            title="Nous Research",
            base_url="https://inference-api.nousresearch.com/v1",
            url_variable="NOUS_INFERENCE_BASE_URL",
            keys=("NOUS_API_KEY",),
            url="https://portal.nousresearch.com",
            quirks=Quirks(reasoning="object", think_tags=True),
        ),
        Preset(
            name="zai",
            title="Z.AI (GLM)",
            base_url="https://api.z.ai/api/paas/v4",
            url_variable="GLM_BASE_URL",
            keys=("GLM_API_KEY", "ZAI_API_KEY", "Z_AI_API_KEY"),
            hosts=("open.bigmodel.cn",),
            aliases=("glm", "z-ai", "zhipu"),
            url="https://z.ai/manage-apikey/apikey-list",
            quirks=Quirks(reasoning="thinking", echo="reasoning_content"),
        ),
        Preset(
            name="kimi-coding",
            title="Kimi (Moonshot AI), also with keys for Kimi coding plans",
            base_url="https://api.moonshot.ai/v1",
            url_variable="KIMI_BASE_URL",
            keys=("KIMI_API_KEY", "MOONSHOT_API_KEY"),
            hosts=("api.moonshot.cn", "api.kimi.com"),
            key_bases=(("sk-kimi-", "https://api.kimi.com/coding/v1"),),
            aliases=("kimi", "moonshot"),
            url="https://platform.moonshot.ai/console/api-keys",
            quirks=Quirks(reasoning="thinking", echo="reasoning_content"),
        ),
        Preset(
            name="minimax",
            title="MiniMax",
            base_url="https://api.minimax.io/v1",
            keys=("MINIMAX_API_KEY",),
            url="https://platform.minimax.io",
            quirks=Quirks(think_tags=True, echo="think"),
        ),
        Preset(
            name="minimax-cn",
            title="MiniMax (China)",
            base_url="https://api.minimaxi.com/v1",
            keys=("MINIMAX_CN_API_KEY",),
            url="https://platform.minimaxi.com",
            quirks=Quirks(think_tags=True, echo="think"),
        ),
        Preset(
            name="deepseek",
            title="DeepSeek",
            base_url="https://api.deepseek.com/v1",
            keys=("DEEPSEEK_API_KEY",),
            url="https://platform.deepseek.com/api_keys",
            quirks=Quirks(reasoning="thinking", echo="reasoning_content"),
        ),
        Preset(
            name="alibaba",
            title="Alibaba Cloud (Qwen)",
            base_url="https://coding-intl.dashscope.aliyuncs.com/v1",
            url_variable="DASHSCOPE_BASE_URL",
            keys=("DASHSCOPE_API_KEY",),
            hosts=(
                "coding.dashscope.aliyuncs.com",
                "dashscope.aliyuncs.com",
                "dashscope-intl.aliyuncs.com",
                "dashscope-us.aliyuncs.com",
            ),
            aliases=("dashscope", "aliyun", "qwen"),
            url="https://modelstudio.console.alibabacloud.com",
            quirks=Quirks(reasoning="enable_thinking"),
        ),
        Preset(
            name="huggingface",
            title="Hugging Face inference providers",
            base_url="https://router.huggingface.co/v1",
            keys=("HF_TOKEN",),
            aliases=("hf",),
            url="https://huggingface.co/settings/tokens",
            quirks=Quirks(think_tags=True),
        ),
        Preset(
            name="ai-gateway",
            title="Vercel AI Gateway",
            base_url="https://ai-gateway.vercel.sh/v1",
            keys=("AI_GATEWAY_API_KEY",),
            aliases=("vercel", "aigateway"),
            url="https://vercel.com/docs/ai-gateway",
            quirks=Quirks(reasoning="object", echo="reasoning_details"),
        ),
        Preset(
            name="kilocode",
            title="Kilo Code gateway",
            base_url="https://api.kilo.ai/api/gateway",
            keys=("KILOCODE_API_KEY",),
            aliases=("kilo",),
            url="https://kilo.ai",
            quirks=Quirks(reasoning="object", echo="reasoning_details"),
        ),
        Preset(
            name="opencode-zen",
            title="OpenCode Zen",
            base_url="https://opencode.ai/zen/v1",
            keys=("OPENCODE_ZEN_API_KEY",),
            aliases=("opencode", "zen"),
            url="https://opencode.ai/auth",
        ),
        Preset(
            name="opencode-go",
            title="OpenCode Go",
            base_url="https://opencode.ai/zen/go/v1",
            keys=("OPENCODE_GO_API_KEY",),
            aliases=("go",),
            url="https://opencode.ai/auth",
        ),
        Preset(
            name="groq",
            title="Groq",
            base_url="https://api.groq.com/openai/v1",
            keys=("GROQ_API_KEY",),
            url="https://console.groq.com/keys",
            quirks=Quirks(max_tokens="max_completion_tokens", reasoning="effort", efforts=("low", "medium", "high")),
        ),
        Preset(
            name="mistral",
            title="Mistral AI",
            base_url="https://api.mistral.ai/v1",
            keys=("MISTRAL_API_KEY",),
            url="https://console.mistral.ai/api-keys",
            default_model="mistral-large-latest",
            quirks=Quirks(stream_usage=False, short_call_ids=True),
        ),
        Preset(
            name="xai",
            title="xAI (Grok)",
            base_url="https://api.x.ai/v1",
            keys=("XAI_API_KEY",),
            aliases=("grok",),
            url="https://console.x.ai",
            quirks=Quirks(read_timeout=300.0),
        ),
        Preset(
            name="gemini",
            title="Google Gemini, through its chat completions endpoint",
            base_url="https://generativelanguage.googleapis.com/v1beta/openai",
            keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            aliases=("google",),
            url="https://aistudio.google.com/apikey",
            quirks=Quirks(reasoning="effort", efforts=("none", "low", "medium", "high")),
        ),
        Preset(
            name="ollama",
            title="Ollama on this machine",
            base_url="http://127.0.0.1:11434/v1",
            url_variable="OLLAMA_BASE_URL",
            url="https://ollama.com/download",
            quirks=Quirks(
                think_tags=True,
                read_timeout=600.0,
                reasoning="effort",
                efforts=("none", "low", "medium", "high"),
                echo="reasoning_content",
            ),
        ),
        Preset(
            name="lmstudio",
            title="LM Studio on this machine",
            base_url="http://127.0.0.1:1234/v1",
            url_variable="LMSTUDIO_BASE_URL",
            aliases=("lm-studio",),
            url="https://lmstudio.ai/docs/developer",
            quirks=Quirks(think_tags=True, read_timeout=600.0, models_path="/api/v0/models"),
        ),
        Preset(
            name="vllm",
            title="vLLM on this machine",
            base_url="http://127.0.0.1:8000/v1",
            url_variable="VLLM_BASE_URL",
            url="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
            quirks=_LOCAL,
        ),
        Preset(
            name="llamacpp",
            title="llama.cpp's server on this machine",
            base_url="http://127.0.0.1:8080/v1",
            url_variable="LLAMACPP_BASE_URL",
            aliases=("llama.cpp", "llama-cpp"),
            url="https://github.com/ggml-org/llama.cpp/tree/master/tools/server",
            quirks=_LOCAL,
        ),
    )
}

CUSTOM = Preset(
    name="custom",
    title="Any other endpoint that speaks chat completions",
    base_url="",
    url_variable="OPENAI_BASE_URL",
    keys=("OPENAI_API_KEY",),
    quirks=Quirks(think_tags=True, read_timeout=300.0),
)
