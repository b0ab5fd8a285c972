# ruff: noqa: E501  (a pattern is one line, so that it can be read beside its description)
# fmt: off
"""What a skill may tell a machine to do and should not: exfiltration, destruction, persistence, network, privileges.

A row is `(id, severity, pattern, description)`. Patterns are matched without regard to case over whole texts
whose continued lines have been joined; `~` stands for a gap of up to 200 characters within one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_skills.scan_words import Row

__all__ = ["ACTIONS"]

_SECRET = r"[$%]\{?(?:env:)?\w*(?:KEY|TOKEN|SECRET|PASSW(?:OR)?D|CREDENTIAL)\w*\}?"
_SECRET_CALL = r"(?:os\.environ|os\.getenv|getenv|process\.env|ENV\[)~(?:KEY|TOKEN|SECRET|PASSW(?:OR)?D|CREDENTIAL)"
_SHELL = r"(?:(?:ba|z|da|k|fi)?sh|python[\d.]*|perl|ruby|node)\b"
_HOME = r"(?:~/|\$\{?HOME\}?/|/root/|/home/\w+/)".replace("~", r"\~")

_EXFILTRATION: tuple[Row, ...] = (
    ("env_exfil_curl", "c", rf"\bcurl\b~(?:-d|--data|-F|--form|-H|--header|-u|\?)~{_SECRET}~https?://(?!localhost|127\.)\S*(?:collect|hook|exfil|steal|drop|attacker|evil|grab)|\bcurl\b~https?://\S*\?\S*={_SECRET}|\bcurl\b~(?:-d|--data\S*|-F|--form)\s*[\"']?[^\n\"']{{0,80}}{_SECRET}", "Sends a secret from the environment with curl."),
    ("env_exfil_wget", "c", rf"\bwget\b~(?:--post-data|--body-data|--header|\?)~{_SECRET}", "Sends a secret from the environment with wget."),
    ("env_exfil_fetch", "c", rf"\bfetch\s*\(~{_SECRET_CALL}", "Sends a secret from the environment with fetch."),
    ("env_exfil_httpx", "c", rf"\bhttpx\.(?:post|put|get|request)\s*\([\s\S]{{0,200}}?{_SECRET_CALL}", "Sends a secret from the environment with httpx."),
    ("env_exfil_requests", "c", rf"\brequests\.(?:post|put|get|request)\s*\([\s\S]{{0,200}}?(?:data|json|params)\s*=[\s\S]{{0,120}}?{_SECRET_CALL}", "Sends a secret from the environment with requests."),
    ("dns_exfil", "c", r"\b(?:dig|nslookup|host)\s+~(?:\$\(|`|\$\{?\w+\}?\.)", "Puts data into names that are looked up."),
    ("tmp_staging", "c", r"(?:>|\btee\b|\bcp\b|\bmv\b|\btar\b)~/(?:tmp|var/tmp|dev/shm)/\S+[\s\S]{0,200}?\b(?:curl|wget|scp|nc|rsync)\b~(?:-T|-F|-d\s*@|--data-binary\s+@|--upload-file|@/(?:tmp|var/tmp|dev/shm))", "Gathers data in a temporary file and sends it."),
    ("read_secrets_file", "c", r"\b(?:cat|less|head|tail|base64|xxd|scp)\b~(?:\.env\b(?!\.example)|\.netrc|\.pgpass|\.npmrc|\.pypirc|credentials\.json|\.aws/credentials|id_(?:rsa|ed25519|ecdsa)\b|\.git-credentials)", "Reads a file of secrets."),
    ("hermes_env_access", "c", r"(?:\.hermes|HERMES_HOME\}?)/(?:\.env|auth\.json|approvals\.json)\b", "Touches the agent's own secrets or approvals."),
    ("python_getenv_secret", "h", r"\bos\.(?:getenv\(|environ(?:\.get\(|\[))\s*[\"'](?!\w*(?:_URL|_HOST)[\"'])\w*(?:SECRET|PASSW(?:OR)?D|PRIVATE_KEY)\w*", "Reads a secret from the environment in Python."),
    ("ruby_env_secret", "h", r"\bENV(?:\.fetch\(|\[)\s*[\"']\w*(?:SECRET|PASSW(?:OR)?D|PRIVATE_KEY)\w*", "Reads a secret from the environment in Ruby."),
    ("encoded_exfil", "h", r"\bbase64\b~\|\s*(?:curl|wget|nc|ncat)\b|\b(?:curl|wget)\b~\$\(\s*(?:base64|xxd|gzip)\b|\b(?:env|printenv|cat)\b~\|\s*base64\b", "Encodes data and sends it."),
    ("ssh_dir_access", "h", rf"{_HOME}\.ssh/(?!config\b|known_hosts\b)\S", "Touches the folder of SSH keys."),
    ("aws_dir_access", "h", rf"{_HOME}\.aws/", "Touches the folder of AWS credentials."),
    ("gpg_dir_access", "h", rf"{_HOME}\.gnupg/", "Touches the folder of GPG keys."),
    ("kube_dir_access", "h", rf"{_HOME}\.kube/config", "Touches the credentials of Kubernetes."),
    ("docker_dir_access", "h", rf"{_HOME}\.docker/config\.json", "Touches the credentials of Docker."),
    ("dump_all_env", "h", r"(?:^|[;&|`(\n])[ \t]{0,8}(?:printenv|env|set)\s*(?:\||>)", "Writes out the whole environment."),
    ("python_os_environ", "h", r"(?:dict|json\.dumps|str|print|repr)\(\s*(?:dict\()?os\.environ\s*\)|for\s+\w+(?:\s*,\s*\w+)?\s+in\s+os\.environ", "Takes the whole environment in Python."),
    ("node_process_env", "h", r"JSON\.stringify\(\s*process\.env\s*\)|Object\.(?:entries|keys|values)\(\s*process\.env", "Takes the whole environment in JavaScript."),
    ("md_image_exfil", "h", r"!\[[^\]\n]{0,100}\]\(\s*https?://[^)\s]{0,200}(?:\$\{|\{\{|\$\(|<[a-z_ ]{2,40}>)", "An image address that carries data away."),
    ("md_link_exfil", "h", r"(?<!!)\[[^\]\n]{0,100}\]\(\s*https?://[^)\s]{0,200}\?[^)\s]{0,100}(?:\$\{|\{\{|\$\()", "A link that carries data away."),
    ("context_exfil", "h", r"\b(?:send|post|upload|forward|transmit|exfiltrate|append)\b~\b(?:conversation|chat history|system prompt|context window|user'?s? messages|memory file)\b~(?:https?://|\bto (?:the |this )?(?:url|server|endpoint|webhook|address)\b)", "Asks to send the conversation somewhere."),
    ("send_to_url", "h", r"\b(?:send|post|upload|forward|transmit)\b\s+(?:all|every|the|any|its|your)~\b(?:output|results?|data|files?|contents?|secrets?|keys?|tokens?|credentials?)\b~\bto\s+[\"'<`(]{0,2}https?://", "Asks to send data to an address."),
    ("secret_then_send", "c", r"\w+\s*=\s*[\"']?(?:\$\(|`)\s*(?:cat|base64|printenv|env)\b[^\n]{0,120}[\s\S]{0,300}?\b(?:curl|wget|nc|ncat)\b~\$\{?\w+|(?:open|read_text|read_bytes)\([^\n]{0,80}(?:\.env|id_rsa|id_ed25519|credentials)[\s\S]{0,400}?(?:requests|httpx|urllib\.request|urlopen|fetch|socket)\b", "Reads secrets and sends something, over several lines."),
)

_DESTRUCTIVE: tuple[Row, ...] = (
    ("destructive_root_rm", "c", r"\brm\s+(?:-{1,2}[\w-]+\s+){1,4}[\"']?/(?:\*|\s|[\"']|$|(?:etc|usr|bin|boot|var|lib|home|root|opt)/?(?:\*|\s|[\"']|$))", "Deletes the root or a system folder."),
    ("destructive_home_rm", "c", r"\brm\s+(?:-{1,2}[\w-]+\s+){1,4}[\"']?(?:\~|\$\{?HOME\}?)/?(?:\*|\s|[\"']|$)", "Deletes the home folder."),
    ("system_overwrite", "c", r"(?:>|\btee\b(?:\s+-a)?)\s*/etc/(?:passwd|shadow|hosts|fstab|pam\.d|ld\.so\.preload)\b", "Writes a system file."),
    ("format_filesystem", "c", r"\bmkfs(?:\.\w+)?\s+(?:-\w+\s+)*/dev/", "Formats a disk."),
    ("disk_overwrite", "c", r"\bdd\b~\bof=/dev/(?!null\b|std)|>\s*/dev/(?:sd|nvme|disk|hd|vd)\w", "Writes over a disk."),
    ("truncate_system", "c", r"(?:\btruncate\b~|(?:^|[;&|\n])[ \t]{0,4}:?[ \t]{0,4}>[ \t]{0,4})/(?:etc|boot|bin|usr|lib)/", "Empties system files."),
    ("fork_bomb", "c", r":\s*\(\s*\)\s*\{\s*:\s*\|\s*:\s*&\s*\}\s*;", "Starts processes without end."),
    ("python_rmtree", "h", r"\bshutil\.rmtree\(\s*(?:[\"'](?:/|\~)|Path\.home|os\.path\.expanduser|os\.environ)", "Deletes folders of the system or the user in Python."),
    ("insecure_perms", "m", r"\bchmod\s+(?:-\w+\s+)*(?:0?777|a\+rwx|o\+w)\b|\bos\.chmod\([^\n]{0,80}0o777", "Lets everybody write."),
)

_PERSISTENCE: tuple[Row, ...] = (
    ("ssh_backdoor", "c", r"\bauthorized_keys\b", "Touches the keys that may log in."),
    ("sudoers_mod", "c", r"/etc/sudoers(?:\.d)?\b|\bvisudo\b", "Touches who may become root."),
    ("agent_config_mod", "c", r"(?:>>?|\btee\b|\b(?:write|append|add|edit|modify|overwrite|insert)\b~)\s*[\"'`]?(?:\S*/)?(?:AGENTS|CLAUDE|SOUL|MEMORY|USER)\.md\b", "Changes what an agent is told in every conversation."),
    ("hermes_config_mod", "c", r"(?:>>?|\btee\b|\bsed\b\s+-i|\b(?:write|append|edit|modify|overwrite)\b)~(?:\.hermes|HERMES_HOME\}?)/(?:config\.yaml|\.env|approvals\.json|plugins/)", "Changes the agent's own settings."),
    ("other_agent_config", "h", rf"{_HOME}\.(?:claude|codex|cursor|gemini|openclaw|continue|aider)\b", "Touches another agent's settings."),
    ("persistence_cron", "m", r"\bcrontab\s+(?!-l\b)\S|/etc/cron(?:tab|\.\w+)\b", "Adds a job that runs by itself."),
    ("shell_rc_mod", "m", r"(?:>>?|\btee\b|\bsed\b\s+-i)~\.(?:bashrc|bash_profile|zshrc|zprofile|profile|zshenv)\b", "Changes what every shell does at its start."),
    ("ssh_keygen", "m", r"\bssh-keygen\b~-[tf]\b", "Makes an SSH key."),
    ("systemd_service", "m", r"/etc/systemd/system/|\bsystemctl\s+(?:--user\s+)?enable\b", "Adds a service that starts by itself."),
    ("init_script", "m", r"/etc/(?:init\.d|rc\.local|rc\d\.d)\b", "Adds a start-up script."),
    ("macos_launchd", "m", r"\bLaunch(?:Agents|Daemons)/|\blaunchctl\s+(?:load|bootstrap)\b", "Adds a launchd job."),
    ("git_config_global", "m", r"\bgit\s+config\s+(?:--global|--system)\s+(?!--(?:get|list)|-l\b|user\.|init\.defaultBranch)\S+", "Changes git for all repositories."),
)

_NETWORK: tuple[Row, ...] = (
    ("reverse_shell", "c", r"\b(?:nc|ncat|netcat|socat)\b~(?:-e\s*\S|-c\s*\S*sh\b|exec:)|\bmkfifo\b~[\s\S]{0,120}?\b(?:nc|ncat|netcat|openssl\s+s_client)\b", "Gives a shell to another machine."),
    ("bash_reverse_shell", "c", r"/dev/(?:tcp|udp)/[\w.$-]+/[\d$]", "Opens a connection from bash."),
    ("python_socket_oneliner", "c", r"\bpython[\d.]*\s+-c\s+[\s\S]{0,80}?\bsocket\b[\s\S]{0,300}?(?:\bdup2\b|\bsubprocess\b|\bpty\b|\bconnect\b)", "Opens a connection in a one-line program."),
    ("tunnel_service", "h", r"\b(?:ngrok\s+(?:http|tcp|start)|cloudflared\s+tunnel|localtunnel|\blt\s+--port|serveo\.net|bore\s+local)\b", "Opens the machine to the internet."),
    ("bind_all_interfaces", "m", r"\b(?:--host|--bind|-b|bind_address|listen)\s*[=\s]\s*[\"']?0\.0\.0\.0\b|\bbind\(\(\s*[\"'](?:0\.0\.0\.0)?[\"']", "Listens for everybody."),
    ("python_socket_connect", "h", r"\bsocket\.socket\([^\n]{0,80}\)[\s\S]{0,200}?\.connect\(\(", "Opens a raw connection in Python."),
    ("exfil_service", "h", r"\b(?:webhook\.site|requestbin\.\w+|pipedream\.net|interact\.sh|oast\.\w+|burpcollaborator\.net|hookbin\.com|beeceptor\.com|canarytokens\.\w+|dnslog\.\w+)\b", "Names a service that collects requests."),
    ("hardcoded_ip_port", "m", r"\bhttps?://(?!127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|0\.0\.0\.0|169\.254\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.)\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?", "Names a machine by number."),
    ("paste_service", "m", r"\b(?:pastebin\.com|hastebin\.com|paste\.ee|ix\.io|0x0\.st|transfer\.sh|file\.io|termbin\.com|dpaste\.\w+)\b", "Names a place where anybody can leave text."),
)

_EXECUTION: tuple[Row, ...] = (
    ("python_os_system", "h", r"\bos\.system\s*\(", "Runs a shell command in Python."),
    ("python_os_popen", "h", r"\bos\.popen\s*\(", "Runs a shell command in Python."),
    ("node_child_process", "h", r"\bchild_process\b~\b(?:exec|execSync|spawn)\b|\brequire\(\s*[\"']child_process[\"']\s*\)\.exec", "Runs a shell command in JavaScript."),
    ("java_runtime_exec", "h", r"\bRuntime\.getRuntime\(\)\.exec\b", "Runs a command in Java."),
    ("python_subprocess", "l", r"\bsubprocess\.(?:run|call|Popen|check_output|check_call)\s*\(", "Runs a program in Python."),
    ("subprocess_shell", "m", r"\bsubprocess\.\w+\s*\([\s\S]{0,200}?\bshell\s*=\s*True\b", "Runs a shell command in Python."),
    ("backtick_subshell", "l", r"(?<=[=\"\s])`(?:curl|wget|bash|sh)\b[^`\n]{1,120}`(?=[\"\s;]*$)", "Runs a command within a command."),
)

_TRAVERSAL: tuple[Row, ...] = (
    ("system_passwd_access", "c", r"\b(?:cat|less|head|tail|grep|open|read|cp)\b~/etc/(?:passwd|shadow|gshadow)\b", "Reads the accounts of the system."),
    ("path_traversal_deep", "h", r"(?:\.\./){4,}", "Climbs far up the folders."),
    ("proc_access", "h", r"/proc/(?:\d+|self|\$\w+|\*)/(?:environ|mem|maps|root|fd|cmdline)\b", "Looks into other processes."),
    ("path_traversal", "l", r"(?<![\w./])(?:\.\./){3}", "Climbs up the folders."),
    ("dev_shm", "m", r"/dev/shm/\S", "Uses memory as a hiding place."),
)

_MINING: tuple[Row, ...] = (
    ("crypto_mining", "c", r"\b(?:xmrig|minerd|cpuminer|ethminer|nbminer|cgminer|stratum\+(?:tcp|ssl)://)", "Mines coins."),
    ("mining_indicators", "m", r"\b(?:hash\s*rate|mining pool|monero wallet|nicehash|moneroocean)\b", "Speaks of mining coins."),
)

_SUPPLY: tuple[Row, ...] = (
    ("curl_pipe_shell", "c", rf"\bcurl\b[^\n|]{{0,200}}\|\s*(?:sudo\s+(?:-\w+\s+)*)?(?!python|node|perl|ruby){_SHELL}|{_SHELL}\s+(?:-c\s+[\"']?\$\(|<\(\s*)\s*curl\b", "Runs what it downloads."),
    ("wget_pipe_shell", "c", rf"\bwget\b[^\n|]{{0,200}}\|\s*(?:sudo\s+(?:-\w+\s+)*)?{_SHELL}|{_SHELL}\s+(?:-c\s+[\"']?\$\(|<\(\s*)\s*wget\b", "Runs what it downloads."),
    ("curl_pipe_python", "c", r"\bcurl\b[^\n|]{0,200}\|\s*(?:sudo\s+)?(?:python[\d.]*|node|perl|ruby)(?:\s+-)?\s*(?:$|[;&\"'`)])", "Runs what it downloads."),
    ("download_then_run", "h", r"\b(?:curl|wget)\b~(?:-o|-O|>)\s*(\S+\.(?:sh|py|bin|run))\b[\s\S]{0,120}?(?:\b(?:ba|z)?sh|chmod\s+\+x|\./|python[\d.]*)\s*(?:\./)?\1", "Downloads a program and runs it."),
    ("unpinned_pip_install", "l", r"\bpip[\d.]*\s+install\s+(?!-r\b|-e\b|\.)(?:-\w+\s+|--[\w-]+\s+)*[\"']?[\w.-]+(?:\[[\w,]+\])?[\"']?(?:\s|$|`)", "Installs whatever version is newest."),
    ("unpinned_npm_install", "l", r"\bnpm\s+(?:install|i)\s+(?:-\w+\s+|--[\w-]+\s+)*(?!-)@?[\w./-]+(?:\s|$|`)", "Installs whatever version is newest."),
    ("foreign_index", "h", r"\b(?:pip[\d.]*|uv)\b~(?:--index-url|--extra-index-url|-i)\s+https?://(?!localhost|127\.)|\bnpm\b~--registry[=\s]+https?://", "Installs from an index of its own."),
    ("uv_run", "l", r"\buvx?\s+run\b|\buvx\s+\w", "Runs a package that may have to be downloaded."),
    ("remote_fetch", "l", r"\b(?:curl|wget)\s+(?:-\w+\s+)*[\"']?https?://", "Downloads something."),
    ("git_clone", "l", r"\bgit\s+clone\b", "Downloads a repository."),
    ("docker_pull", "l", r"\bdocker\s+(?:pull|run)\b", "Downloads an image."),
)

_PRIVILEGES: tuple[Row, ...] = (
    ("setuid_setgid", "c", r"\bos\.set(?:re|e)?[ug]id\(\s*0|\bset(?:re|e)?uid\(\s*0\s*\)", "Becomes another user."),
    ("nopasswd_sudo", "c", r"\bNOPASSWD\b", "Lets anybody become root."),
    ("suid_bit", "c", r"\bchmod\s+(?:-\w+\s+)*(?:[ugo]*\+[rwx]*s|[24567]\d{3})\b", "Makes a program run as its owner."),
    ("sudo_usage", "m", r"(?:^|[;&|`(]|\bthen\b)\s*(?:[$#]\s+)?sudo\s+\S", "Acts as root."),
    ("allowed_tools_field", "l", r"\A---\n(?:[^\n]*\n){0,60}?allowed-tools\s*:", "Asks for tools without being asked about them."),
)

ACTIONS: dict[str, tuple[Row, ...]] = {
    "exfiltration": _EXFILTRATION,
    "destructive": _DESTRUCTIVE,
    "persistence": _PERSISTENCE,
    "network": _NETWORK,
    "execution": _EXECUTION,
    "traversal": _TRAVERSAL,
    "mining": _MINING,
    "supply_chain": _SUPPLY,
    "privilege_escalation": _PRIVILEGES,
}
