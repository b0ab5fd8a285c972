"""A plugin for the tests of the command line, found through its entry point as every plugin is."""
