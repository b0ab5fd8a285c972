"""Find, install, check and publish skills, from hubs that are plugins themselves."""
