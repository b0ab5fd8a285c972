"""Wordings of hidden or hostile instructions, as data: regular expressions over folded text, by what they try.

A space stands for any short run of characters that are neither letters nor digits, so that `ignore *all* previous` and
`ignore_all_previous` are met too. Text is folded before: lower case, compatibility forms, nothing invisible.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = ["HIDDEN", "PHRASES", "hidden", "phrases"]

PHRASES: dict[str, tuple[str, ...]] = {
    "tries to override instructions": (
        # English
        r"\b(ignore|disregard|forget|override|discard|bypass|neglect) (all |any |every )?(of )?"
        r"(the |your |my |these |those )?"
        r"(previous|prior|above|earlier|preceding|foregoing|former|existing|original|other) "
        r"(system |user |safety |developer )?"
        r"(instructions?|prompts?|rules|directions|directives|commands|messages|guidelines)\b",
        r"(ignore|disregard|forget|override) (all |any )?(of )?(your|the) (system |safety |developer )?"
        r"(instructions|prompts?|rules|guidelines|restrictions) (above|before|so far|and)",
        r"(new|updated|real|actual) system prompt( is)?:",
        r"(begin|start|end) of system prompt",
        # German
        r"(ignorier(e|en sie)?|missachte|vergiss|vergessen sie) (alle |sämtliche )?(die |deine |ihre |meine )?"
        r"(vorherigen|vorigen|bisherigen|obigen|früheren|vorangegangenen|anderen) "
        r"(anweisungen|instruktionen|befehle|regeln|vorgaben|anordnungen|nachrichten)",
        # French
        r"(ignore[rz]?|oublie[rz]?|ne tiens pas compte de|ne tenez pas compte de) (toutes |tous )?"
        r"(les |tes |vos |des )?(instructions|consignes|directives|règles|ordres)( système)? "
        r"(précédent(e)?s|antérieur(e)?s|ci dessus)",
        # Spanish
        r"(ignora|ignore|ignorad|olvida|olvide|descarta|omite) (todas |todos )?(las |los |tus |sus )?"
        r"(instrucciones|indicaciones|órdenes|reglas|mensajes)( del sistema)? (anteriores|previas|previos|de arriba)",
        # Italian
        r"(ignora|ignorare|dimentica|trascura) (tutte |tutti )?(le |i |gli |tue )?"
        r"(istruzioni|indicazioni|regole|ordini|direttive) (precedenti|sopra|anteriori)",
        # Portuguese
        r"(ignore|ignora|esqueça|esquece|desconsidere) (todas |todos )?(as |os |suas )?"
        r"(instruções|instrucoes|ordens|regras|orientações) (anteriores|prévias|acima)",
        # Dutch, Swedish, Polish, Turkish
        r"(negeer|vergeet) (alle )?(de |je |uw )?(vorige|voorgaande|eerdere|bovenstaande) "
        r"(instructies|opdrachten|regels)",
        r"(ignorera|glöm) (alla )?(de )?(tidigare|föregående|ovanstående) (instruktioner|anvisningar|regler)",
        r"(zignoruj|ignoruj|zapomnij) (o )?(wszystkie |wszystkich )?(poprzednie|poprzednich|wcześniejsze|powyższe) "
        r"(instrukcje|instrukcjach|polecenia|poleceniach|zasady)",
        r"(önceki|yukarıdaki) (tüm |bütün )?(talimatları|komutları|kuralları) "
        r"(yok say|unut|dikkate alma|görmezden gel)",
        # Russian, Ukrainian
        r"(игнорируй|игнорируйте|проигнорируй|забудь|забудьте|не обращай внимания на) (все |всю )?(твои |ваши )?"
        r"(предыдущие|прежние|прошлые|вышеуказанные) (инструкции|указания|команды|правила|сообщения)",
        r"(ігноруй|ігноруйте|забудь|забудьте) (всі |усі )?(попередні|минулі) (інструкції|вказівки|команди|правила)",
        # Chinese, Japanese, Korean: no spaces between words
        r"(忽略|无视|無視|忘记|忘記|忽視|不要理会)(掉)?(你|您)?(之前|以前|前面|上面|上述|以上|先前|此前|所有|全部|一切)"
        r"[的所有全部一切之前以上]{0,6}(指令|指示|提示|说明|說明|命令|规则|規則)",
        r"(これまで|以前|上記|前|今まで|すべて|全て)(の|に)?(すべての|全ての)?(指示|命令|指令|ルール|プロンプト)(を|は)?"
        r"(すべて|全て)?(無視|忘れ|破棄)",
        r"(이전|위|앞|기존|지금까지)(의)?\s*(모든\s*)?(지시|지침|명령|규칙)(사항)?(을|를|은|는)?\s*(모두\s*)?(무시|잊)",
        # Arabic, Hindi, Vietnamese, Indonesian
        r"(تجاهل|انس|إنس|تجاهلي) (كل |جميع )?(ال)?(تعليمات|أوامر|قواعد|توجيهات) (ال)?(سابقة|أعلاه)",
        r"(पिछले|पिछली|पूर्व|उपरोक्त) (सभी )?(निर्देशों|निर्देश|आदेशों|नियमों) (को |की )?(अनदेखा|नज़रअंदाज़|उपेक्षा|भूल)",
        r"(bỏ qua|quên|phớt lờ) (tất cả |mọi )?(các )?(hướng dẫn|chỉ dẫn|chỉ thị|lệnh) (trước|ở trên)",
        r"(abaikan|lupakan) (semua |seluruh )?(instruksi|perintah|aturan) (sebelumnya|di atas)",
    ),
    "tries to hide something from the user": (
        r"\b(do not|don t|dont|never) "
        r"(tell|inform|mention (this |it )?to|reveal (this |it )?to|show (this |it )?to|alert|notify) "
        r"(the )?(user|human|owner|operator)",
        r"without (telling|informing|asking|notifying|alerting) (the )?(user|human|owner|operator)",
        r"(hide|conceal|keep) (this |it |that )?(secret |hidden )?from (the )?(user|human|owner|operator)",
        r"\b(sag|sage|sagen sie|verrate|erzähle) (es |das |dies )?(dem|der) (benutzer|nutzer|anwender)(in)? "
        r"(nichts|nicht)",
        r"(ne (le )?(dis|dites|révèle|révélez|mentionne) (pas|rien) (ceci |cela )?à l utilisateur)",
        r"no (se )?(lo )?(le )?(digas|informes|menciones|reveles) (nada )?(esto )?al usuario",
        r"(не говори|не сообщай|не рассказывай) (об этом )?пользователю",
        r"(不要|别|別|请勿)(告诉|告訴|通知|提醒)(用户|用戶|使用者)",
        r"ユーザー(に|には)(言わ|知らせ|伝え|教え)(ない|ず)",
    ),
    "tries to lift restrictions": (
        r"(act|behave|respond|answer) as (if|though) (you|there) (have|had|were|are) (no|without|not bound by) (any )?"
        r"(restrictions|limits|limitations|rules|guidelines)",
        r"you (are|have been) (now )?(freed|jailbroken|unrestricted|in developer mode|in god mode)",
        r"(disable|turn off|switch off|circumvent) (all |any |the |your )?(safety|security|approval|content) "
        r"(checks?|filters?|rules|restrictions|prompts?|measures)",
    ),
    "tries to send out secrets": (
        r"\b(send|post|upload|exfiltrate|forward|transmit|leak) (me |us )?"
        r"(all |any |the |your |every )?(of )?(the |your |their )?"
        r"(user s |users )?(api |access |secret |private |ssh |env )?"
        r"(keys?|tokens?|secrets?|passwords?|credentials|environment variables) (to|via|through|into|over)\b",
        r"\b(cat|base64|xxd|curl [^\n]{0,80}(d|data|f)) [^\n]{0,40}(~|\$home|/root|/home/\w+)/\.?"
        r"(ssh/id_\w+|aws/credentials|netrc|hermes/\.?env|gnupg|kube/config)",
    ),
    "pretends to be the marker around this text": (
        r"<\s*/?\s*(project[\s_-]*file|attached)[\s_-]*[0-9a-f]*",
        r"<\s*/?\s*(system|system[\s_-]*prompt|system[\s_-]*reminder)\s*>",
        r"<\|\s*(im_start|im_end|system|endoftext|eot_id|start_header_id)\s*\|>",
    ),
}

HIDDEN = (
    r"\b(ai|llms?|assistants?|agents?|chatbots?|language models?|gpt|copilot|hermes|claude|gemini|codex)\b[^\n]{0,80}"
    r"\b(must|should|shall|always|never|need to|have to|please|run|execute|send|upload|fetch|download|delete|install|"
    r"reveal)\b",
    r"\b(curl|wget|powershell|nc|ncat)\b[^\n]{0,200}(https?|\||\$)",
    r"\b(secretly|silently|covertly|exfiltrate)\b",
)
"""What is suspicious only where nobody sees it: in a comment or an invisible element of Markdown."""


@cache
def phrases() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What each expression tries, and the expression; compiled at first use."""
    return tuple((kind, _compiled(text)) for kind, texts in PHRASES.items() for text in texts)


@cache
def hidden() -> tuple[re.Pattern[str], ...]:
    """`HIDDEN`, compiled at first use."""
    return tuple(re.compile(text) for text in HIDDEN)


def _compiled(text: str) -> re.Pattern[str]:
    return re.compile(text.replace(" ", r"[\W_]{1,6}"))
