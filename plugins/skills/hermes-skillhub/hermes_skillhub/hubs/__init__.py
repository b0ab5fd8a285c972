"""The hubs this plugin brings, contributed through the same hook as everybody's."""
