"""Jobs that run by themselves: at a time, again and again, unattended, with every due instant accounted for."""
