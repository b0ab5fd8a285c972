"""The host's own session store: one JSON-lines file for each conversation, readable with any text tool.

`<home>/sessions/jsonl/<id>.jsonl`, mode 0600 in directories of mode 0700. The file only ever grows:

* the first line is `{"kind":"session","format":1,"info":{…}}`, where `info` is a `SessionInfo`;
* a record is one line, a `SessionRecord` with its message in the form of `hermes_host.messages.encode_message`;
* `{"kind":"info","info":{…}}` repeats what is known about the conversation so far. There is one at the end of a file
  that was closed, one after each title, and never more than 32 KiB of records after the last one, so that a listing
  reads only the end of each file;
* a record that is not the last of its commit ends with `,"continues":true}`. A last line without a newline and a last
  commit without its end are not there: readers pass over them, and the next writer cuts them off.

What `append` returned from is in the kernel's hands: it survives `kill -9` of this process. It is forced to the disk
(`fsync`) when the session is ended or closed, not with each record, so a power cut can take the last seconds; what is
then left is still a whole conversation up to some point.
"""

from __future__ import annotations

from hermes_host.sessions.store import JsonlSessionStore, connect

__all__ = ["JsonlSessionStore", "connect"]
