"""The plugin's sections of config.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hermes_host.config import Secret

__all__ = ["Api", "AzureSettings", "Settings"]

Api = Literal["", "responses", "chat"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's API. Time-outs and the display of thoughts hold for Azure as well."""

    base_url: Annotated[str, Meta(description="Another address for the API, with /v1; its key is openai.api_key.")] = ""
    api_key: Annotated[Secret, Meta(description="The key for base_url; without a base_url, for OpenAI itself.")] = (
        Secret()
    )
    api: Annotated[
        Api, Meta(description="The wire format: responses or chat; empty: responses wherever the model has it.")
    ] = ""
    organization: Annotated[str, Meta(description="The organization that pays, where a key belongs to several.")] = ""
    project: Annotated[str, Meta(description="The project that pays, where a key belongs to several.")] = ""
    reasoning_summary: Annotated[
        Literal["auto", "concise", "detailed", "off"],
        Meta(description="How the model's thoughts are shown; summaries of some models need a verified organization."),
    ] = "auto"
    connect_timeout: Annotated[float, Meta(description="Seconds until a connection must stand.", gt=0)] = 10.0
    read_timeout: Annotated[
        float, Meta(description="Seconds an answer may be silent; models that think long are.", gt=0)
    ] = 600.0
    write_timeout: Annotated[float, Meta(description="Seconds until more of a request must be accepted.", gt=0)] = 60.0
    headers: Annotated[dict[str, str], Meta(description="Further request headers.")] = {}
    extra_body: Annotated[
        dict[str, Any], Meta(description="Further fields of every request, such as service_tier or text.")
    ] = {}
    ca_bundle: Annotated[str, Meta(description="A file of certificates to trust instead of the system's.")] = ""


class AzureSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An Azure OpenAI resource."""

    endpoint: Annotated[str, Meta(description="The resource's address, such as https://NAME.openai.azure.com.")] = ""
    api_key: Annotated[Secret, Meta(description="The key of the resource.")] = Secret()
    api_version: Annotated[
        str, Meta(description="`v1`, or a dated version such as 2025-04-01-preview for the older paths.")
    ] = "v1"
    api: Annotated[
        Api, Meta(description="The wire format: responses or chat; empty: responses wherever the model has it.")
    ] = ""
    deployments: Annotated[
        dict[str, str], Meta(description="The model behind each deployment, by the deployment's name.")
    ] = {}
    headers: Annotated[dict[str, str], Meta(description="Further request headers.")] = {}
    extra_body: Annotated[dict[str, Any], Meta(description="Further fields of every request.")] = {}
