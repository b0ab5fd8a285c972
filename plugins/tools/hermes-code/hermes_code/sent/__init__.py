"""Source that is sent to the terminal backend and runs there; the host never imports it.

It must be understood by Python 3.8, and `loader` by 3.6, so that an older Python can say that it is too old.
"""
