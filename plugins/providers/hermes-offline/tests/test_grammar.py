from pathlib import Path

import pytest
from hermes_offline.forms import FORMS
from hermes_offline.grammar import parse

README = Path(__file__).parent.parent / "README.md"


def steps(text):
    """Steps in short: `action value value`, in the order of the sentence's parts."""
    return [" ".join([step.action, *step.values.values()]) for step in parse(text)]


SENTENCES = {
    "list the files here": ["list ."],
    "ls": ["list ."],
    "dir": ["list ."],
    "list src": ["list src"],
    "ls 'my docs'": ["list my docs"],
    "List all files in ./src.": ["list ./src"],
    "list files in .": ["list ."],
    "list files in ..": ["list .."],
    "show me the files in this folder": ["list ."],
    "what files are in docs?": ["list docs"],
    "how many files are here?": ["list ."],
    "what's in src": ["list src"],
    "can you please list the files here, please?": ["list ."],
    "read README.md": ["read README.md"],
    "read README.md.": ["read README.md"],
    "read the README.md file": ["read README.md"],
    "open the file called notes.txt": ["read notes.txt"],
    "cat `odd name.txt`": ["read odd name.txt"],
    'read "a, then b; c and d.txt"': ["read a, then b; c and d.txt"],
    "read a.txt, b.txt and c.txt": ["read a.txt", "read b.txt", "read c.txt"],
    "what is in notes.txt?": ["read notes.txt"],
    "read it": ["read it"],
    "show the file": ["read it"],
    "tell me its title": ["tell title it"],
    "what is the title of README.md?": ["tell title README.md"],
    "what's README.md's title": ["tell title README.md"],
    "tell me its title, the first line and the number of words": [
        "tell title it",
        "tell first line it",
        "tell number of words it",
    ],
    "show me the last 3 lines of a.log": ["tell last 3 lines a.log"],
    "how many lines does README.md have?": ["tell number of lines README.md"],
    "tell me how many lines it has": ["tell number of lines it"],
    "count the words in it": ["tell number of words it"],
    "what does it say about licences?": ["tell about it licences"],
    "tell me what README.md says about the licence and the authors": [
        "tell about README.md the licence and the authors"
    ],
    "summarize README.md": ["summarise README.md"],
    'write "hello" to notes.txt': ["write hello notes.txt"],
    "write hello to notes.txt": ["write hello notes.txt"],
    'save "x" as y.txt': ["write x y.txt"],
    'write "two\\nlines, then \\"more\\"" to "a b.txt"': ['write two\nlines, then "more" a b.txt'],
    "write 'it is \\n' to x": ["write it is \\n x"],
    'create a file called x.txt with the text "hi"': ["write x.txt hi"],
    "create x.py containing ```python\nprint(1); exit()\n```": ["write x.py print(1); exit()\n"],
    'append "z" to x.txt': ["append z x.txt"],
    'replace "a" with "b" in x.py': ["replace a b x.py"],
    "search for TODO": ["search TODO ."],
    'search the files for "foo bar" in src': ["search foo bar src"],
    "grep /a+b/ in src": ["search /a+b/ src"],
    "search for salt and pepper in cook.txt": ["search salt and pepper cook.txt"],
    "find files named *.py in src/": ["find *.py src/"],
    "find setup.cfg": ["find setup.cfg ."],
    "find the answer in notes": ["search answer notes"],
    "run ls -la": ["run ls -la"],
    "ls -la": ["run ls -la"],
    "$ make test": ["run make test"],
    "run `git status && git diff; true`": ["run git status && git diff; true"],
    'execute the command "echo hi, then bye"': ["run echo hi, then bye"],
    "run echo one; echo two": ["run echo one; echo two"],
    "run echo What?": ["run echo What?"],
    'run echo "a" "b"': ['run echo "a" "b"'],
    "remember that I like tea": ["remember I like tea"],
    "what do you remember about tea?": ["recall tea"],
    'call read_file {"path": "a; b, then {c}.txt"}': ['call read_file {"path": "a; b, then {c}.txt"}'],
    "use the tool todo": ["call todo"],
    "what tools do you have?": ["tools"],
    "help": ["help"],
    "Who are you?": ["who"],
    "are you a language model?": ["who"],
    "hello": ["greet"],
    "thank you very much!": ["thank"],
    "make me a sandwich": ["unknown"],
    "what is the capital of France?": ["unknown"],
    "": [],
    " \n . ": [],
}

TEXTS = {
    "list the files here, then read README.md and tell me its title": ["list .", "read README.md", "tell title it"],
    "First, list the files. Then read setup.cfg. Finally, tell me its last line.": [
        "list .",
        "read setup.cfg",
        "tell last line it",
    ],
    "read a.txt; read b.txt\nread c.txt": ["read a.txt", "read b.txt", "read c.txt"],
    "run echo a; echo b, then read x.txt": ["run echo a; echo b", "read x.txt"],
    'write "a" to x, append "b" to x, and read it': ["write a x", "append b x", "read it"],
    "ls and then make me a sandwich": ["list .", "unknown"],
    "ls; sing": ["list .", "unknown"],
    "- read a.txt\n- read b.txt": ["read a.txt", "read b.txt"],
    "1. read a.txt\n2. read b.txt": ["read a.txt", "read b.txt"],
}


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_is_understood(text):
    assert steps(text) == SENTENCES[text]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_cut_into_its_steps(text):
    assert steps(text) == TEXTS[text]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
def test_the_example_of_a_form_is_understood_and_documented(form):
    understood = parse(form.example)
    assert [step.text for step in understood] == [form.example] * len(understood)
    assert understood[0].action == form.action
    assert f"`{form.example}" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ["read " * 20_000, '"' * 50_000, "{" * 20_000, "a and " * 20_000, "ls; " * 5_000, "read " + "a, " * 5_000]
)
@pytest.mark.timeout(20)
def test_long_and_odd_texts_are_read_in_a_moment(text):
    parse(text)
