"""Installing plugins: looked at first, agreed to, and held to that afterwards.

`lockfile` is the record others read; `install`, `update`, `remove` do the work; `commands` are what a person types.
"""
