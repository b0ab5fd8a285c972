"""Programs that reach other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program, Table
from hermes_terminal.shell.script import UNKNOWN, Word, names

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_SENDS = "It sends data to another machine."
_CONFIG = "It takes options from a file, or takes another way to the network."
_METADATA = ("169.254.", "metadata.google", "100.100.100.200", "[fd00:ec2")


def _address(case: Case, word: Word) -> None:
    if UNKNOWN in word.text:
        case.ask("It asks for an address known only when it runs, which could carry data away.")
        return
    text = word.text.lower()
    host = text.partition("://")[2] or text
    if host.rpartition("@")[2].startswith(_METADATA):
        case.ask("It reads the credentials of a cloud machine.")
    if "://" in text and not text.startswith(("http://", "https://")):
        case.ask("It uses another protocol than HTTP.")


def _addresses(case: Case, arguments: Arguments) -> None:
    for word in arguments.rest:
        _address(case, word)


def _curl(case: Case, arguments: Arguments) -> None:
    method = arguments.value("-X", "--request")
    if method is not None and method.text.upper() not in ("GET", "HEAD", "OPTIONS"):
        case.ask(_SENDS)
    for option, value in arguments.options:
        if option in ("-H", "--header", "-A", "--user-agent", "-e", "--referer", "-u", "--user", "-b", "--cookie") and (
            value is None or UNKNOWN in value.text or value.text.startswith("@")
        ):
            case.ask(_SENDS)
    _addresses(case, arguments)
    addresses = [value for option, value in arguments.options if option == "--url" and value is not None]
    for word in addresses:
        _address(case, word)
    folder = arguments.value("--output-dir")
    if arguments.given("-O", "--remote-name", "--remote-name-all", "-J"):
        case.state.fetched = True
        for word in arguments.rest:
            name = word.text.rpartition("/")[2] or "index.html"
            case.write(Word(f"{folder.text}/{name}" if folder is not None else name))
    elif arguments.given("-o", "--output"):
        case.state.fetched = True
        if folder is not None:
            case.write(folder)


def _wget(case: Case, arguments: Arguments) -> None:
    _addresses(case, arguments)
    output = arguments.value("-O", "--output-document")
    folder = arguments.value("-P", "--directory-prefix")
    if output is not None and output.text in ("-", "/dev/null"):
        return
    if arguments.given("--spider"):
        return
    case.state.fetched = True
    if output is not None:
        case.write(output)
        return
    for word in arguments.rest:
        name = word.text.rpartition("/")[2] or "index.html"
        case.write(Word(f"{folder.text}/{name}" if folder is not None else name))


_ALWAYS = "It opens a connection to another machine."

PROGRAMS: Table = {
    "curl": Program(
        valued="-o -X -H -d -F -T -A -e -u -b -c -m -w -x -K -r -C -E -D -y -Y -z -Q -U -P -t --output "
        "--request --header --data --form --upload-file --user-agent --referer --user --cookie --cookie-jar "
        "--max-time --connect-timeout --write-out --proxy --config --range --retry --url --data-raw "
        "--data-binary --data-urlencode --json --output-dir --retry-delay --cacert --cert --key --resolve "
        "--interface --stderr --dump-header --trace --trace-ascii --connect-to --unix-socket "
        "--abstract-unix-socket --netrc-file --form-string --libcurl --etag-save --limit-rate --proto "
        "--http-proxy --socks5",
        asks={
            **dict.fromkeys(
                names(
                    "-d --data --data-raw --data-binary --data-ascii --data-urlencode --json -F --form "
                    "--form-string -T --upload-file -Q --quote --mail-from --url-query"
                ),
                _SENDS,
            ),
            **dict.fromkeys(
                names(
                    "-K --config -x --proxy --preproxy --unix-socket --abstract-unix-socket --connect-to "
                    "--resolve --netrc -n --netrc-file --cert -E --key --socks5 --doh-url --engine"
                ),
                _CONFIG,
            ),
        },
        writes="-o --output -c --cookie-jar -D --dump-header --trace --trace-ascii --stderr --libcurl --etag-save",
        then=_curl,
    ),
    "wget": Program(
        valued="-O -P -o -a -U -t -T -w -Q -i -e --output-document --directory-prefix --header --user-agent "
        "--tries --timeout --execute --input-file",
        asks={
            **dict.fromkeys(("--post-data", "--post-file", "--body-data", "--body-file", "--method"), _SENDS),
            **dict.fromkeys(("-e", "--execute", "--config", "-i", "--input-file", "--use-askpass"), _CONFIG),
            **dict.fromkeys(
                ("-r", "--recursive", "-m", "--mirror", "-b", "--background"),
                "It fetches much without an end in sight.",
            ),
        },
        writes="-o -a --output-file --append-output --save-cookies",
        then=_wget,
    ),
    "http https xh httpie aria2c axel lynx w3m links elinks": Program(
        always="It reaches other machines in ways that are not judged."
    ),
    "nc ncat netcat socat telnet ftp lftp sftp scp rclone croc wormhole ngrok cloudflared ssh-copy-id mosh "
    "rsh rlogin": Program(always=_ALWAYS),
    "ssh-keygen ssh-add ssh-agent ssh-keyscan gpg gpg2 pass age openssl certutil security keytool": Program(
        always="It handles keys."
    ),
    "mail mailx sendmail mutt msmtp swaks": Program(always="It sends mail."),
    "ping ping6 dig nslookup host traceroute tracepath mtr": Program(variables=False, then=_addresses),
    "ss netstat": Program(asks=dict.fromkeys(("-K", "--kill"), "It closes connections of other programs.")),
    "nmap masscan tcpdump tshark wireshark": Program(always="It looks into a network."),
    "systemd-resolve resolvectl nmcli ifconfig route arp ethtool iwconfig": Program(
        always="It changes or shows the network of the machine."
    ),
}
