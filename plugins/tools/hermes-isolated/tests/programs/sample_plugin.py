"""A plugin for the tests: it declares what `sample_tools` does."""

from hermes_host import hookimpl
from hermes_host.specs import PluginInfo, ProviderSpec, SecretSpec, SectionSpec, ToolSpec

ANY = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": True}


@hookimpl
def hermes_plugin_info():
    return PluginInfo(
        summary="For tests",
        sections=(SectionSpec(name="sample", target="sample_tools:Settings"),),
        secrets=(SecretSpec(name="SAMPLE_KEY"), SecretSpec(name="OTHER_KEY")),
    )


@hookimpl
def hermes_tools():
    import sample_tools

    for name in sample_tools.TOOLS:
        yield ToolSpec(
            name=f"sample_{name}",
            summary=name,
            parameters=ANY,
            target=f"sample_tools:{name}",
            effects=frozenset({"read"}),
            parallel=True,
        )


@hookimpl
def hermes_providers():
    yield ProviderSpec(name="sampled", summary="Plays a script", target="sample_tools:connect", secrets=("SAMPLE_KEY",))
