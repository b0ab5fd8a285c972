"""The line mode in a real pseudo-terminal: typing, consent, questions, interrupting, leaving."""

import json
import os
import signal
import stat
import termios

READY = "❯ "
ACT = 'call act {"command": "date"}\r'


def begun(terminal, *arguments, **environ):
    """A terminal whose conversation waits for the user."""
    screen = terminal(*arguments, **environ)
    screen.expect("Ctrl+D leaves.")
    screen.expect(READY)
    return screen


def test_it_says_where_it_is_answers_and_tells_how_to_go_on(terminal):
    screen = terminal()
    banner = screen.expect("Ctrl+D leaves.")
    assert "stub:one" in banner
    assert "5 tools" in banner
    screen.expect(READY)
    screen.type("hello **there**\r")
    screen.expect("You said: hello there")
    screen.expect(READY)
    screen.type("\x04")
    screen.expect("hermes -r 20")
    assert screen.end() == 0


def test_the_terminal_is_left_as_it_was_found(terminal):
    screen = terminal()
    before = screen.mode()
    screen.expect("Ctrl+D leaves.")
    screen.expect(READY)
    assert not screen.mode() & termios.ECHO
    screen.type("/quit\r")
    screen.expect("/quit")
    screen._read(1.0)
    while screen.mode() != before and screen._read(2.0):
        pass
    assert screen.mode() == before
    assert screen.end() == 0


def test_history_is_private_and_comes_back(terminal, home):
    screen = begun(terminal)
    screen.type("first of all\r")
    screen.expect("You said: first of all")
    screen.type("\x04")
    assert screen.end() == 0
    assert stat.S_IMODE((home / ".hermes_history").stat().st_mode) == 0o600
    again = begun(terminal)
    again.type("\x1b[A\r")
    again.expect("You said: first of all")


def test_a_line_ending_in_a_backslash_goes_on(terminal):
    screen = begun(terminal)
    screen.type("one\\\rtwo\r")
    screen.expect("You said: one")
    screen.expect("two")


def test_a_pasted_text_of_several_lines_is_one_message(terminal):
    screen = begun(terminal)
    screen.type("\x1b[200~alpha\nbeta\x1b[201~")
    screen.expect("beta")
    screen.type("\r")
    screen.expect("You said: alpha")
    screen.expect("beta")


def test_consent_is_asked_with_the_whole_action_why_and_where(terminal, tmp_path):
    screen = begun(terminal)
    screen.type(ACT)
    shown = screen.expect("[d]eny")
    assert "act needs your consent: It runs a program." in shown
    assert "│ date" in shown
    assert str(tmp_path) in shown
    assert "[a]lways" in shown
    screen.type("once\r")
    screen.expect("┊ act date  done")
    screen.expect("The tool said: did date")


def test_what_was_typed_before_the_question_is_no_answer(terminal):
    screen = begun(terminal)
    screen.type(ACT + "once\r")
    screen.expect("next: once")
    screen.expect("[d]eny")
    screen.type("d\r")
    screen.expect("┊ act date  denied")
    screen.expect("You said: once")


def test_an_unfinished_line_is_kept_across_a_question(terminal):
    screen = begun(terminal)
    screen.type(ACT + "half a thought")
    screen.expect("[d]eny")
    screen.type("d\r")
    screen.expect("The user denied this call")
    screen.expect("half a thought")
    screen.type(" finished\r")
    screen.expect("You said: half a thought finished")


def test_always_is_remembered_and_can_be_revoked(terminal, hermes):
    screen = begun(terminal)
    screen.type(ACT)
    screen.expect("[d]eny")
    screen.type("always\r")
    screen.expect("did date")
    assert "did date" in hermes("chat", "-q", ACT.strip()).out
    [rule] = json.loads(hermes("approvals", "list", "--json").out)
    assert rule["tool"] == "act"
    assert hermes("approvals", "revoke", rule["key"][:8]).code == 0
    assert "did date" not in hermes("chat", "-q", ACT.strip()).out


def test_only_a_word_that_was_offered_is_an_answer(terminal):
    screen = begun(terminal)
    screen.type(ACT)
    screen.expect("[d]eny")
    screen.type("\r")
    screen.expect("Please type one of: once, session, always, deny.")
    screen.type("no because it is late\r")
    screen.expect("They say: because it is late")


def test_silence_is_a_no(terminal, home):
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("approvals: {timeout: 0.4}\n")
    screen = begun(terminal)
    screen.type(ACT)
    screen.expect("[d]eny")
    screen.expect("no answer came in time")
    screen.expect("nobody answered in time")


def test_an_action_in_disguise_is_shown_as_it_is(terminal):
    screen = begun(terminal)
    command = "echo “hi”\u202e ; \u0430pt\x1b[2K\t" + " " * 40 + "rm"
    screen.type(f"call act {json.dumps({'command': command})}\r")
    screen.expect("│ echo \\u{201c}hi\\u{201d}\\u{202e} ; \\u{430}pt\\u{1b}[2K\\u{9}<40 spaces>rm")


def test_a_long_action_must_be_seen_whole_before_it_is_allowed_for_more_than_once(terminal):
    screen = begun(terminal)
    command = "\\n".join(f"echo {number}" for number in range(60))
    screen.type(f'call act {{"command": "{command}"}}\r')
    shown = screen.expect("[v]iew")
    assert "[a]lways" not in shown
    assert "│ echo 59" in shown
    assert "│ echo 30\r" not in shown
    screen.type("always\r")
    screen.expect("Please type one of: once, deny.")
    screen.type("view\r")
    screen.expect("│ echo 30\r")
    screen.expect("[a]lways")


def test_a_question_is_answered_by_number_or_in_words(terminal):
    screen = begun(terminal)
    prompt = 'call ask {"text": "Which colour?", "choices": ["red", "blue"]}\r'
    screen.type(prompt)
    screen.expect("? Which colour?")
    screen.expect("2. blue")
    screen.expect("number or text")
    screen.type("2\r")
    screen.expect("answer 'blue'")
    screen.type(prompt)
    screen.expect("number or text")
    screen.type("green, rather\r")
    screen.expect("answer 'green, rather'")


def test_an_interrupt_ends_the_turn_and_keeps_what_was_said(terminal):
    screen = begun(terminal)
    screen.type("hang\r")
    screen.expect("Half an answer")
    screen.type("\x03")
    screen.expect("interrupted")
    screen.type("hello\r")
    screen.expect("You said: hello")


def test_an_interrupt_ends_a_tool_and_a_question_too(terminal):
    screen = begun(terminal)
    screen.type("call wait {}\r")
    screen.expect("┊ wait")
    screen.expect("waiting since long")
    screen.type("\x03")
    screen.expect("interrupted\r")
    screen.type(ACT)
    screen.expect("[d]eny")
    screen.type("\x03")
    screen.expect("interrupted\r")
    screen.type("hello\r")
    screen.expect("You said: hello")


def test_a_line_typed_while_a_turn_runs_is_the_next_message(terminal):
    screen = begun(terminal)
    screen.type("hang\r")
    screen.expect("Half an answer")
    screen.type("and then\r")
    screen.expect("next: and then")
    screen.type("\x03")
    screen.expect("You said: and then")


def test_commands_that_may_do_so_run_beside_the_turn(terminal):
    screen = begun(terminal)
    screen.type("hang\r")
    screen.expect("Half an answer")
    screen.type("/status\r")
    screen.expect("a turn is running")
    screen.type("/new\r")
    screen.expect("/new must wait")
    screen.type("/stop\r")
    screen.expect("interrupted")


def test_commands_are_found_by_unique_beginnings_and_near_names(terminal):
    screen = begun(terminal)
    screen.type("/usa\r")
    screen.expect("No tokens were used yet.")
    screen.type("/s\r")
    screen.expect("/s could be /save or /sessions or /status or /steer or /stop.")
    screen.type("/hlep\r")
    screen.expect("Did you mean 'help'?")
    screen.type("//hello\r")
    screen.expect("You said: /hello")
    screen.type("/etc/passwd is a file\r")
    screen.expect("You said: /etc/passwd is a file")


def test_a_failing_command_does_not_end_the_conversation(terminal):
    screen = begun(terminal)
    screen.type("/crash\r")
    screen.expect("the slash command is ruined")
    screen.type("hello\r")
    screen.expect("You said: hello")


def test_conversations_are_begun_named_and_resumed(terminal):
    screen = begun(terminal)
    screen.type("remember me\r")
    screen.expect("You said: remember me")
    screen.type("/title Holiday\r")
    screen.expect("Title: Holiday")
    screen.type("/new\r")
    screen.expect("A new conversation")
    screen.type("/history\r")
    screen.expect("Nothing was said yet.")
    screen.type("/resume Holiday\r")
    screen.expect("Going on with Holiday: 2 messages")
    screen.type(ACT)
    screen.expect("[d]eny")
    screen.type("once\r")
    screen.expect("did date")


def test_the_model_changes_for_the_conversation(terminal):
    screen = begun(terminal)
    screen.type("/model two\r")
    screen.expect("Model: stub:two")
    screen.type("which\r")
    screen.expect("You said: which")
    screen.type("/model\r")
    screen.expect("Model: stub:two")


def test_ctrl_c_empties_the_line_and_leaves_on_an_empty_one(terminal):
    screen = begun(terminal)
    screen.type("rubbish")
    screen.expect("rubbish")
    screen.type("\x03")
    screen.expect(READY)
    screen.type("hello\r")
    screen.expect("You said: hello")
    screen.expect(READY)
    screen.type("\x03")
    assert screen.end() == 0


def test_a_second_ctrl_c_leaves_whatever_hangs(terminal):
    screen = begun(terminal)
    screen.type("call cling {}\r")
    screen.expect("clinging on")
    screen.type("\x03")
    screen.expect("Ctrl+C again leaves")
    screen.type("\x03")
    assert screen.end() == 130


def test_a_process_that_a_plugin_blocks_is_left_by_a_second_ctrl_c(terminal, tmp_path):
    screen = begun(terminal)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    screen.type(f"call block {json.dumps({'fifo': str(fifo)})}\r")
    with fifo.open() as signs_of_life:
        assert signs_of_life.read() == "blocking"
    assert screen.press_until_end("\x03") == 130


def test_a_hangup_ends_the_process(terminal):
    screen = begun(terminal)
    screen.type("hang\r")
    screen.expect("Half an answer")
    screen.signal(signal.SIGHUP)
    assert screen.end() == 129


def test_a_dumb_terminal_gets_no_escape_sequence_at_all(terminal):
    screen = terminal(TERM="dumb")
    screen.expect("Ctrl+D leaves.")
    screen.type("hello **there**\n")
    screen.expect("You said: hello there")
    screen.type(ACT.replace("\r", "\n"))
    screen.expect("[d]eny")
    screen.type("once\n")
    screen.expect("did date")
    screen.type("\x04")
    assert screen.end() == 0
    assert "\x1b" not in screen.output


def test_no_color_leaves_the_colours_out(terminal):
    screen = begun(terminal, NO_COLOR="1")
    screen.type("say `code` and [link](https://example.com)\r")
    screen.expect("https://example.com")
    colours = {"3", "9"}
    codes = [code for part in screen.output.split("\x1b[")[1:] if "m" in part for code in part.split("m")[0].split(";")]
    assert not [code for code in codes if len(code) == 2 and code[0] in colours and code.isdigit()]


def test_a_terminal_without_unicode_gets_plain_signs(terminal):
    screen = terminal(LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    screen.expect("Ctrl+D leaves.")
    screen.type("call wait {}\r")
    screen.expect("| wait")
    screen.type("\x03")
    screen.expect("interrupted\r")
    assert screen.output.isascii()


def test_the_first_message_may_come_with_resume(terminal, hermes):
    first = json.loads(hermes("chat", "-q", "hello", "--output-format", "json").out)["session_id"]
    screen = terminal("-c")
    screen.expect(first)
    screen.expect("You said: hello")


def test_a_secret_answer_is_never_shown_nor_kept(terminal, home):
    screen = begun(terminal)
    screen.type('call ask {"text": "Key?", "secret": true}\r')
    screen.expect("not shown, Enter to skip")
    screen.type("hunter2-canary\r")
    screen.expect("The tool said: 14 characters")
    screen.type('call ask {"text": "Another?", "secret": true}\r')
    screen.expect("not shown, Enter to skip")
    screen.type("\r")
    screen.expect("no answer")
    screen.expect("The tool said: 0 characters")
    screen.type("\x04")
    assert screen.end() == 0
    assert "hunter2" not in screen.output
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert b"Another?" in kept
    assert b"hunter2" not in kept


def test_a_command_that_is_known_only_at_run_time(terminal):
    screen = begun(terminal)
    screen.type("/jug five balls\r")
    screen.expect("The balls are in the air.")
    screen.expect("Juggle five balls")
    shown = screen.expect("You said: Juggle five balls [five balls]")
    assert "[five balls]" not in shown.split("You said")[0], "what is attached is for the model"
    screen.type("/help\r")
    screen.expect("//text")
    screen.type("/juggler\r")
    screen.expect("Did you mean 'juggle'?")
