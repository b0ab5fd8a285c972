"""The host's version, in a module that imports nothing, so that `hermes --version` stays instant."""

__version__ = "0.1.0"
